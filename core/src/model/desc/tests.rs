use super::*;

fn desc(kind: Kind, name: &str, labels: &[(&str, &str)]) -> Desc {
    let labels = Labels::new(labels.iter().copied()).expect("valid labels");
    Desc::new(kind, name, "help", labels).expect("valid name")
}

#[test]
fn names_end_in_the_suffix_of_their_type() {
    assert_eq!(desc(Kind::Counter, "a", &[]).name(), "a_total");
    assert_eq!(desc(Kind::Counter, "a_total", &[]).name(), "a_total");
    assert_eq!(desc(Kind::Gauge, "a", &[]).name(), "a");
    assert_eq!(desc(Kind::Info, "a", &[]).name(), "a_info");
}

#[test]
fn a_suffix_alone_is_not_a_name() {
    for (kind, name) in [(Kind::Counter, "_total"), (Kind::Info, "_info")] {
        let refused = Desc::new(kind, name, "", Labels::default()).expect_err("no stem");
        let message = refused.to_string();
        assert!(message.contains(name) && message.contains("needs a name"), "{message}");
    }
    for (kind, name) in [
        (Kind::Counter, "_info"),
        (Kind::Info, "_total"),
        (Kind::Gauge, "_total"),
        (Kind::Counter, "_created"),
        (Kind::Counter, "total"),
        (Kind::Histogram, "_bucket"),
        (Kind::Counter, "__total"),
    ] {
        assert!(!desc(kind, name, &[]).stem().is_empty(), "{name}");
    }
    let foreign = Desc::unchecked(Kind::Counter, "_total".into(), String::new(), Labels::default());
    assert_eq!((foreign.stem(), foreign.suffix()), ("_total", ""));
}

#[test]
fn each_type_reserves_the_names_of_its_samples() {
    assert_eq!(desc(Kind::Info, "a", &[]).reserved().collect::<Vec<_>>(), ["a", "a_info"]);
    let counter: Vec<String> = desc(Kind::Counter, "a", &[]).reserved().collect();
    assert_eq!(counter, ["a", "a_total", "a_created"]);
    let foreign = Desc::unchecked(Kind::Counter, "a".into(), String::new(), Labels::default());
    assert_eq!(foreign.reserved().collect::<Vec<_>>(), ["a"]);
    assert_eq!(desc(Kind::Gauge, "a_total", &[]).reserved().collect::<Vec<_>>(), ["a_total"]);
}

#[test]
fn a_name_must_end_in_its_unit() {
    for (kind, name) in [(Kind::Counter, "a_seconds"), (Kind::Gauge, "a_seconds")] {
        assert_eq!(desc(kind, name, &[]).with_unit("seconds").expect("its unit").unit(), "seconds");
        assert_eq!(desc(kind, name, &[]).with_unit("").expect("no unit").unit(), "");
        assert!(desc(kind, name, &[]).with_unit("bytes").is_err());
        assert!(desc(kind, name, &[]).with_unit("econds").is_err());
    }
    assert!(desc(Kind::Gauge, "seconds", &[]).with_unit("seconds").is_err());
    assert!(desc(Kind::Info, "a_seconds", &[]).with_unit("seconds").is_err());
}

#[test]
fn metrics_of_one_family_have_the_same_label_names() {
    let x = desc(Kind::Counter, "a", &[("k", "x")]);
    assert!(x.same_family(&desc(Kind::Counter, "a_total", &[("k", "y")])));
    assert!(!x.same_family(&desc(Kind::Counter, "a", &[("j", "x")])));
    assert!(!x.same_family(&desc(Kind::Counter, "a", &[])));
    assert!(!x.same_family(&desc(Kind::Gauge, "a_total", &[("k", "x")])));
    let plain = desc(Kind::Gauge, "a_seconds", &[]);
    let timed = plain.clone().with_unit("seconds").expect("its unit");
    assert_eq!(plain.difference(&timed), Some("which has another unit"));
}
