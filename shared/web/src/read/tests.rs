use serde_json::json;

use super::*;

fn problems<T>(body: Value, read: impl FnOnce(&Object<'_>) -> Option<T>) -> Vec<(&'static str, String)> {
    match JsonBody::from(body).read(read) {
        Ok(_) => Vec::new(),
        Err(ApiError(Error::Invalid(fields))) => {
            fields.into_iter().map(|field| (field.kind, serde_json::to_string(&field.loc).unwrap())).collect()
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn every_bad_field_is_named() {
    let found = problems(json!({"a": "x", "c": 1.5, "d": [1]}), |object| {
        let a = object.required("a", integer);
        let b = object.required("b", text(5));
        let c = object.optional("c", integer);
        let d = object.each("d", 3, |item| item.required("e", boolean));
        Some((a?, b?, c, d?))
    });
    assert_eq!(
        found,
        [
            ("int_parsing", r#"["body","a"]"#.to_owned()),
            ("missing", r#"["body","b"]"#.to_owned()),
            ("int_from_float", r#"["body","c"]"#.to_owned()),
            ("model_attributes_type", r#"["body","d",0]"#.to_owned()),
        ]
    );
}

#[test]
fn one_bad_element_does_not_spoil_the_others() {
    let body = JsonBody::from(json!({"d": [{"e": true}, {"e": "maybe"}, {}]}));
    let read = body.read(|object| object.each("d", 3, |item| item.required("e", boolean))).unwrap();
    let kinds: Vec<_> = read.iter().map(|one| one.as_ref().map_err(|problems| problems[0].kind)).collect();
    assert_eq!(kinds, [Ok(&true), Err("bool_parsing"), Err("missing")]);
}

#[test]
fn a_refused_whole_names_the_bad_elements_too() {
    let found = problems(json!({"d": [{"e": true}, {"e": "maybe"}]}), |object| {
        let c = object.required("c", integer);
        let d = object.each("d", 3, |item| item.required("e", boolean));
        Some((c?, d?))
    });
    let named: Vec<&str> = found.iter().map(|(_, loc)| loc.as_str()).collect();
    assert_eq!(named, [r#"["body","c"]"#, r#"["body","d",1,"e"]"#]);
}

#[test]
fn a_list_that_is_taken_whole_may_be_empty_and_has_no_bad_element() {
    let every = |body| problems(body, |object| object.every("d", 3, |item| item.required("e", boolean)));
    assert_eq!(every(json!({"d": []})), []);
    assert_eq!(every(json!({})), []);
    assert_eq!(every(json!({"d": [{"e": true}, {"e": "maybe"}]}))[0].1, r#"["body","d",1,"e"]"#);
}

#[test]
fn integers_are_read_as_leniently_as_the_reference_reads_them() {
    for good in [json!(7), json!("7"), json!(" 7 "), json!(7.0)] {
        assert_eq!(integer(&good).unwrap(), 7, "{good}");
    }
    for bad in [json!(true), json!(null), json!("7.5"), json!(-1), json!(9007199254740992u64), json!([])] {
        assert!(integer(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_list_has_its_limits() {
    let limits = |body| problems(body, |object| object.each("d", 2, |_| Some(())));
    assert_eq!(limits(json!({"d": []}))[0].0, "too_short");
    assert_eq!(limits(json!({"d": [{}, {}, {}]}))[0].0, "too_long");
    assert_eq!(limits(json!({"d": {}}))[0].0, "list_type");
    assert_eq!(limits(json!({}))[0].0, "missing");
}

#[test]
fn the_words_of_an_enumeration_are_listed() {
    let read = choice::<domain::channel::Category>(&["campaign", "notification", "conversation"]);
    assert!(read(&json!("campaign")).is_ok());
    assert_eq!(
        read(&json!("spam")).unwrap_err().message(),
        "Input should be 'campaign', 'notification' or 'conversation'"
    );
}
