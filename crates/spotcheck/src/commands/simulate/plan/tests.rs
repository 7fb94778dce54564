//! What planners find in the city here is what they find in the city that it is the like of.

use super::play::Play;
use super::policies::Policy;
use super::report::Mean;
use crate::cli::SimulatePlan;

/// Cities played by each planner.
const SEEDS: u64 = 20;

/// Mean and its standard error over seeds 0–39 of the reference implementation in Python
/// (`planners.py`): failures found at random, by points, and the second over the first.
const PYTHON: [(&str, f64, f64); 3] = [
    ("found at random", 979.65, 28.379),
    ("found by points", 1404.8, 40.408),
    ("points against random", 1.43398, 0.01514),
];

fn found(policy: &str) -> Vec<f64> {
    let args = SimulatePlan {
        seeds: String::new(),
        policy: Vec::new(),
        gamma: None,
        threads: 1,
        json: false,
    };
    let policy = Policy::named(policy, &args).unwrap();
    let play = |seed| Play::new(seed, &policy).run().unwrap().total();
    (0..SEEDS).map(play).collect()
}

#[test]
fn random_and_points_find_what_they_find_in_the_python_city_within_monte_carlo_error() {
    println!("seeds 0 to {}", SEEDS - 1);
    let (random, points) = (found("random"), found("points"));
    let ours = [
        Mean::of(&random),
        Mean::of(&points),
        Mean::ratio(&points, &random),
    ];
    for ((name, mean, error), ours) in PYTHON.into_iter().zip(ours) {
        // The cities are other ones: both errors count. Four of the difference's.
        let error = (error * error + ours.error * ours.error).sqrt();
        println!(
            "{name}: {:.4} against {mean}, standard error {error:.4}",
            ours.value
        );
        assert!((ours.value - mean).abs() < 4.0 * error, "{name}");
    }
    // Four errors are less than what points gain: the test would see points that find no more.
    assert!(ours[2].value - 4.0 * ours[2].error > 1.2, "{:?}", ours[2]);
}
