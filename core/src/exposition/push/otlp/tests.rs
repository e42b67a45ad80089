use super::*;

#[test]
fn debug_output_shows_no_header() {
    let endpoint = OtlpEndpoint::new("http://x:1/v1/metrics", "s", "i").expect("valid");
    let endpoint = endpoint.header("Api-Key", "secret").expect("valid");
    assert!(!format!("{endpoint:?} {:?}", endpoint.client.call()).contains("secret"));
    for (name, value) in
        [("a b", "x"), ("", "x"), ("a", "secret\n"), ("Content-Length", "3"), ("TE", "gzip")]
    {
        let error = endpoint.clone().header(name, value).expect_err("refused").to_string();
        assert!(error.starts_with("header=") && !error.contains("secret"), "{error}");
    }
}

#[test]
fn times_increase_and_a_forked_child_has_another_instance() {
    let endpoint = OtlpEndpoint::new("http://x:1", "s", "host:17").expect("valid");
    let mut last = UNIX_EPOCH;
    for _ in 0..100 {
        let time = endpoint.next_time();
        assert!(time > last);
        last = time;
    }
    let child = endpoint.for_child(17, 23).expect("valid");
    assert!(format!("{child:?}").contains("host:23"));
}
