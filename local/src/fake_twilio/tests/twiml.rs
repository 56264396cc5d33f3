use super::super::twiml::{Dial, Noun, Verb, parse};

fn events(events: &[&str]) -> Vec<String> {
    events.iter().map(|&event| event.to_owned()).collect()
}

#[test]
fn a_document_is_read() {
    let verbs = parse(
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <Response>
            <!-- words -->
            <Say voice="alice">Tom &amp; Ann&#33; <![CDATA[<3]]></Say><Pause length="2"/><Pause/>
            <Dial callerId="+15550100002" timeout="20" answerOnBridge="true" action="https://x.test/a?b=1&amp;c=2">
                <Number statusCallbackEvent="initiated ringing" statusCallback="/s">+15550100003</Number>
                <Client><Identity>b1_s2</Identity><Parameter name="n" value="&quot;1&quot;"/></Client>
                <Client>b1_s3</Client>
            </Dial>
            <Redirect method="POST">next</Redirect>
            <Reject reason="busy"/>
            <Hangup/>
        </Response>"#,
    );
    let number = Noun {
        to: "+15550100003".to_owned(),
        status_callback: Some("/s".to_owned()),
        events: events(&["initiated", "ringing"]),
        ..Noun::default()
    };
    let client = |to: &str| Noun { to: to.to_owned(), events: events(&["completed"]), ..Noun::default() };
    let told = Noun { parameters: [("n".to_owned(), "\"1\"".to_owned())].into(), ..client("client:b1_s2") };
    let dial = Dial {
        caller_id: Some("+15550100002".to_owned()),
        timeout: 20,
        action: Some("https://x.test/a?b=1&c=2".to_owned()),
        answer_on_bridge: true,
        sequential: false,
        nouns: vec![number, told, client("client:b1_s3")],
    };
    let expected = [
        Verb::Play("Tom & Ann! <3".to_owned()),
        Verb::Pause(2),
        Verb::Pause(1),
        Verb::Dial(dial),
        Verb::Redirect("next".to_owned()),
        Verb::Reject { busy: true },
        Verb::Hangup,
    ];
    assert_eq!(verbs.unwrap(), expected);
    assert_eq!(parse("<Response/>").unwrap(), []);
    let Verb::Dial(dial) = parse("<Response><Dial>+15550100003</Dial></Response>").unwrap().remove(0) else {
        panic!("no dial");
    };
    assert_eq!((dial.timeout, dial.nouns[0].to.as_str()), (30, "+15550100003"));
}

#[test]
fn a_mistake_is_told() {
    for (xml, words) in [
        ("", "no element"),
        ("Hello", "text where none belongs"),
        ("<Answer/>", "not Response"),
        ("<Response>", "no end"),
        ("<Response></Say>", ""),
        ("<Response/><Response/>", "several roots"),
        ("<Response>Hello</Response>", "text where none belongs"),
        ("<Response><Say>a & b</Say></Response>", ""),
        ("<Response><Say>&nbsp;</Say></Response>", "not known"),
        ("<Response><Dial a=\"1\" a=\"2\">+15550100003</Dial></Response>", ""),
        ("<Response><dial>+15550100003</dial></Response>", "dial is not done here"),
        ("<Response><Dial/></Response>", "names nobody"),
        ("<Response><Dial callerID=\"x\">+15550100003</Dial></Response>", "no attribute callerID"),
        ("<Response><Dial timeout=\"long\">+15550100003</Dial></Response>", "this timeout: long"),
        ("<Response><Dial><Sip>a@b.c</Sip></Dial></Response>", "Sip is not dialled here"),
        ("<Response><Dial><Client/></Dial></Response>", "Client names nobody"),
        ("<Response><Dial><Number statusCallbackEvent=\"over\">+1</Number></Dial></Response>", "over"),
        ("<Response><Hangup>now<Say/></Hangup></Response>", "Say is not for Hangup"),
        ("<!DOCTYPE a><Response/>", "document type"),
    ] {
        let mistake = parse(xml).unwrap_err();
        assert!(mistake.contains(words), "{xml}: {mistake}");
    }
}
