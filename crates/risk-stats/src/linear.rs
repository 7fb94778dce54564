//! Small systems of linear equations.

/// Solves a square system by elimination with partial pivoting; `None` where it is singular to the
/// last few bits or not square.
pub(crate) fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let size = right.len();
    if matrix.len() != size || matrix.iter().any(|row| row.len() != size) {
        return None;
    }
    let largest = |row: &Vec<f64>| row.iter().fold(0.0_f64, |most, part| most.max(part.abs()));
    let scale = matrix.iter().map(largest).fold(0.0, f64::max);
    for column in 0..size {
        let pivot = (column..size).max_by(|one, other| {
            matrix[*one][column]
                .abs()
                .total_cmp(&matrix[*other][column].abs())
        })?;
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let leading = matrix[column].clone();
        if leading[column].abs() <= scale * 1e-14 {
            return None;
        }
        for row in column + 1..size {
            let factor = matrix[row][column] / leading[column];
            for (part, lead) in matrix[row].iter_mut().zip(&leading).skip(column) {
                *part -= factor * lead;
            }
            right[row] -= factor * right[column];
        }
    }
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size)
            .map(|column| matrix[row][column] * right[column])
            .sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right.iter().all(|part| part.is_finite()).then_some(right)
}

#[cfg(test)]
mod tests {
    use super::solve;

    #[test]
    fn a_system_that_needs_a_swap_and_one_without_an_answer() {
        let found = solve(vec![vec![0.0, 2.0], vec![1.0, 1.0]], vec![4.0, 3.0]).unwrap();
        assert!((found[0] - 1.0).abs() < 1e-15 && (found[1] - 2.0).abs() < 1e-15);
        assert_eq!(
            solve(vec![vec![1.0, 2.0], vec![2.0, 4.0]], vec![1.0, 2.0]),
            None
        );
    }
}
