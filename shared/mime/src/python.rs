//! Python's `email` package as a second opinion about mails.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What a script says of some mails, a line of JSON for each. `None` where there is no Python; with `CI=true` that is
/// a failure.
pub fn python(script: &str, mails: &[Vec<u8>]) -> Option<Vec<Value>> {
    let python =
        Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut python = match python {
        Ok(python) => python,
        Err(error) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("python3: {error}"),
        Err(error) => {
            println!("LEFT OUT: the comparison with Python's email package: {error}");
            return None;
        }
    };
    let mut input = python.stdin.take().unwrap();
    let wire: Vec<u8> =
        mails.iter().flat_map(|mail| [format!("{}\n", mail.len()).as_bytes(), mail].concat()).collect();
    let writer = std::thread::spawn(move || input.write_all(&wire));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    Some(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}
