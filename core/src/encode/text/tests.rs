use super::*;

fn written(families: &[MetricFamily], format: Format) -> String {
    let mut out = String::new();
    let mut writer = Writer { format, out: &mut out, kept: None };
    for family in families {
        writer.write(family);
    }
    out.push_str(format.end());
    out
}

#[test]
fn integers_and_floats_are_written_exactly() {
    for (value, expected) in
        [(Value::Integer(u64::MAX), "18446744073709551615\n"), (Value::Float(-0.5), "-0.5\n")]
    {
        let mut out = String::new();
        write_number(value, &mut out);
        assert_eq!(out, expected);
    }
}

#[test]
fn a_family_has_help_type_and_samples() {
    let mut family =
        MetricFamily::new(Kind::Gauge, "g", "back\\slash\nand \"quotes\"").expect("a valid name");
    let labels = Labels::new([("path", "C:\\ \"x\"\n")]).expect("valid labels");
    family.samples.push(Sample::new("", labels, Value::Float(-0.5)));
    assert_eq!(
        written(&[family], Format::Text),
        "# HELP g back\\\\slash\\nand \"quotes\"\n# TYPE g gauge\n\
             g{path=\"C:\\\\ \\\"x\\\"\\n\"} -0.5\n"
    );
    assert_eq!(written(&[], Format::Text), "");
}

#[test]
fn names_that_are_not_legacy_are_quoted() {
    let mut family = MetricFamily::new(Kind::Counter, "a \"b\"", "").expect("a name");
    for labels in [vec![], vec![("x", "1")], vec![("x.y", "1"), ("z", "2")]] {
        let labels = Labels::new(labels).expect("valid");
        let value = Value::Integer(1);
        let sample = Sample::new("", labels, value);
        family.samples.push(sample);
    }
    let samples = r#"{"a \"b\"_total"} 1
{"a \"b\"_total",x="1"} 1
{"a \"b\"_total","x.y"="1",z="2"} 1
"#;
    let head = |name| format!("# HELP {name} \n# TYPE {name} counter\n");
    let families = [family];
    assert_eq!(
        written(&families, Format::Text),
        format!("{}{samples}", head(r#""a \"b\"_total""#))
    );
    assert_eq!(
        written(&families, Format::OpenMetrics),
        format!("{}{samples}# EOF\n", head(r#""a \"b\"""#))
    );
}

#[test]
fn open_metrics_writes_total_only_in_the_samples_of_a_counter() {
    let mut families = Vec::new();
    for (kind, name) in [(Kind::Counter, "c"), (Kind::Untyped, "u")] {
        let mut family = MetricFamily::new(kind, name, "a \"b\" \\").expect("a valid name");
        let value = Value::Integer(3);
        family.samples.push(Sample::new("", Labels::default(), value));
        families.push(family);
    }
    assert_eq!(
        written(&families, Format::OpenMetrics),
        "# HELP c a \\\"b\\\" \\\\\n# TYPE c counter\nc_total 3\n\
             # HELP u a \\\"b\\\" \\\\\n# TYPE u unknown\nu 3\n# EOF\n"
    );
    assert_eq!(written(&[], Format::OpenMetrics), "# EOF\n");
}
