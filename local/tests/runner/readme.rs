//! The README's tour is the one that the runner prints.
//!
//! `UPDATE_README=1 cargo test -p local --test runner readme` puts today's commands into the README, and writes
//! `target/tour.md` with all that they print, to copy from: what the README shows of it is shortened by hand.

use std::path::Path;
use std::process::Command;

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

/// The README with these commands in place of its own, found by their titles.
fn with_commands(steps: &[[String; 3]]) -> String {
    let (mut text, mut command) = (String::new(), None);
    let mut lines = README.lines();
    while let Some(line) = lines.next() {
        text.push_str(&format!("{line}\n"));
        if let Some(title) = line.strip_prefix("**").and_then(|line| line.strip_suffix("**")) {
            command = steps.iter().find(|[_, known, _]| known == title).map(|[_, _, command]| command);
        } else if line == "```sh"
            && let Some(command) = command.take()
        {
            text.push_str(&format!("{command}\n```\n"));
            lines.by_ref().find(|line| *line == "```");
        }
    }
    text
}

/// A line that is too long, broken behind commas.
fn wrapped(line: &str) -> String {
    let (mut text, mut width) = (String::new(), 0);
    for piece in line.split_inclusive(',') {
        if width > 0 && width + piece.chars().count() > 120 {
            text.push('\n');
            width = 0;
        }
        text.push_str(piece);
        width += piece.chars().count();
    }
    text
}

/// Takes the tour, and writes down what it printed.
async fn write_down(steps: Vec<tour::Step>, plain: impl Fn(String) -> String) {
    let mut text = String::new();
    for step in steps {
        let command = step.command.clone();
        let output = tokio::task::spawn_blocking(move || Command::new("sh").args(["-c", &command]).output());
        let said = output.await.expect("in time").expect("output").stdout;
        let said = plain(String::from_utf8_lossy(&said).into_owned());
        let said: Vec<String> = said.lines().map(wrapped).collect();
        let command = plain(step.command);
        text.push_str(&format!(
            "**{}**\n\n```sh\n{command}\n```\n\n```json\n{}\n```\n\n",
            step.title,
            said.join("\n")
        ));
    }
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tour.md"), text)
        .expect("the page is written");
}

#[tokio::test]
async fn the_readme_shows_the_tour_that_the_runner_prints() {
    let folder = tempfile::tempdir().unwrap();
    let update = std::env::var_os("UPDATE_README").is_some();
    let runner = Running::start(folder.path(), if update { &[] } else { &["--empty"] }).await;
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
    if update {
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        std::fs::write(readme, with_commands(&printed)).unwrap();
        return write_down(tour::steps(&ready), at_default_ports).await;
    }
    assert_eq!(shown(), printed);
    for command in ["cargo run ", "cargo test "] {
        assert!(README.lines().any(|line| line.starts_with(command)), "{command}");
    }
}
