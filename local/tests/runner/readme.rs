//! The README's tour is the one that the runner prints.

use local::ready::Ready;
use local::tour;

use crate::running::Running;

const README: &str = include_str!("../../../README.md");

/// Part, title and command of every step that the README shows: a line in bold, then a block to paste.
fn shown() -> Vec<[String; 3]> {
    let mut steps = Vec::new();
    let (mut part, mut title) = (String::new(), None);
    let mut lines = README.lines();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("### ") {
            part = heading.to_owned();
        } else if let Some(bold) = line.strip_prefix("**").and_then(|line| line.strip_suffix("**")) {
            title = Some(bold.to_owned());
        } else if line == "```sh"
            && let Some(title) = title.take()
        {
            let command: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            steps.push([part.clone(), title, command.join("\n")]);
        }
    }
    steps
}

#[tokio::test]
async fn the_readme_shows_the_tour_that_the_runner_prints() {
    let folder = tempfile::tempdir().unwrap();
    let runner = Running::start(folder.path(), &["--empty"]).await;
    let ready: Ready = serde_json::from_value(runner.ready.clone()).unwrap();
    let ready = Ready { has_inbox: true, ..ready };
    let at_default_ports = |command: String| {
        command
            .replace(&ready.public_base_url, "http://127.0.0.1:3000")
            .replace(&ready.twilio_url, "http://127.0.0.1:3001")
            .replace(&ready.ses_url, "http://127.0.0.1:3005")
            .replace(&ready.platform_key, "PLATFORM_KEY")
            .replace(&ready.api_key, "KEY")
    };
    let printed: Vec<[String; 3]> = tour::steps(&ready)
        .into_iter()
        .map(|step| [step.part.to_owned(), step.title.to_owned(), at_default_ports(step.command)])
        .collect();
    assert_eq!(shown(), printed);
    for command in ["cargo run ", "cargo test "] {
        assert!(README.lines().any(|line| line.starts_with(command)), "{command}");
    }
}
