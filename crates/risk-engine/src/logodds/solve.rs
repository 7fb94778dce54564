//! Small symmetric positive-definite systems, by Cholesky's method.

/// A symmetric matrix of which the lower triangle is filled, and its factor after [`Self::factor`].
#[derive(Debug, Clone)]
pub(crate) struct Symmetric {
    size: usize,
    cells: Vec<f64>,
}

impl Symmetric {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            size,
            cells: vec![0.0; size * size],
        }
    }

    /// Adds to the cell of a row and a column, in whichever order they come.
    pub(crate) fn add(&mut self, row: usize, column: usize, value: f64) {
        let (row, column) = (row.max(column), row.min(column));
        self.cells[row * self.size + column] += value;
    }

    /// L with L·Lᵀ equal to the matrix. A pivot that rounding has made vanish is lifted, so that
    /// the step along it is short instead of infinite.
    pub(crate) fn factor(mut self) -> Factor {
        let n = self.size;
        for j in 0..n {
            let mut pivot = self.cells[j * n + j];
            for k in 0..j {
                pivot -= self.cells[j * n + k] * self.cells[j * n + k];
            }
            let root = libm::sqrt(pivot.max(1e-12));
            self.cells[j * n + j] = root;
            for i in j + 1..n {
                let mut value = self.cells[i * n + j];
                for k in 0..j {
                    value -= self.cells[i * n + k] * self.cells[j * n + k];
                }
                self.cells[i * n + j] = value / root;
            }
        }
        Factor {
            size: n,
            cells: self.cells,
        }
    }
}

/// The lower Cholesky factor.
#[derive(Debug, Clone)]
pub(crate) struct Factor {
    size: usize,
    cells: Vec<f64>,
}

impl Factor {
    /// Solves in place.
    pub(crate) fn solve(&self, right: &mut [f64]) {
        let n = self.size;
        for i in 0..n {
            for k in 0..i {
                right[i] -= self.cells[i * n + k] * right[k];
            }
            right[i] /= self.cells[i * n + i];
        }
        for i in (0..n).rev() {
            for k in i + 1..n {
                right[i] -= self.cells[k * n + i] * right[k];
            }
            right[i] /= self.cells[i * n + i];
        }
    }

    /// The inverse, row by row.
    pub(crate) fn inverse(&self) -> Vec<f64> {
        let mut inverse = Vec::with_capacity(self.size * self.size);
        for unit in 0..self.size {
            let mut column = vec![0.0; self.size];
            column[unit] = 1.0;
            self.solve(&mut column);
            inverse.append(&mut column);
        }
        inverse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved_and_inverted() {
        let mut matrix = Symmetric::new(2);
        matrix.add(0, 0, 4.0);
        matrix.add(0, 1, 2.0);
        matrix.add(1, 1, 3.0);
        let factor = matrix.factor();
        let mut right = [2.0, 5.0];
        factor.solve(&mut right);
        assert!((right[0] + 0.5).abs() < 1e-15 && (right[1] - 2.0).abs() < 1e-15);
        let inverse = factor.inverse();
        for (found, wanted) in inverse.iter().zip([0.375, -0.25, -0.25, 0.5]) {
            assert!((found - wanted).abs() < 1e-15);
        }
    }
}
