//! Families. The oracle of a family of counters is a `HashMap` from label values to counts.

use std::collections::HashMap;

use dataclay_metrics_core::{Counter, Family};
use proptest::prelude::*;
use proptest::test_runner::Config;

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_family_behaves_like_a_map(steps in prop::collection::vec((0..3_u8, "[ab]{0,2}", "[ab]{0,2}"), 1..60)) {
        let family = Family::<Counter>::new("oracle", "", ["x", "y"]).expect("valid names");
        let mut map = HashMap::new();
        for (operation, x, y) in steps {
            if operation == 0 {
                prop_assert_eq!(family.remove([&x, &y]), map.remove(&(x, y)).is_some());
            } else {
                family.with_labels([&x, &y]).expect("room").inc();
                *map.entry((x, y)).or_insert(0) += 1;
            }
            prop_assert_eq!(family.len(), map.len());
        }
        for ((x, y), count) in map {
            prop_assert_eq!(family.with_labels([x, y]).expect("room").get(), count);
        }
    }
}
