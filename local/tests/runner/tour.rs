//! `docs/tour.md` shows the tour that the runner prints, and the README shows five steps of it.
//!
//! `UPDATE_TOUR=1 cargo test -p local --test runner tour` writes today's commands into both pages. It also writes
//! `target/tour.md` with the complete output of every step, to copy from: the pages show output shortened by hand.

use std::path::Path;
use std::process::Command;

use local::ready::Ready;
use local::tour;

use crate::running::Running;

const README: &str = include_str!("../../../README.md");
const TOUR: &str = include_str!("../../../docs/tour.md");
/// The README stays short enough to be read at once.
const README_LINES: usize = 150;

/// Title of a step: a line in bold.
fn title_of(line: &str) -> Option<&str> {
    line.strip_prefix("**")?.strip_suffix("**")
}

/// Part, title and command of every step that a page shows: a line in bold, then a block to paste.
fn shown(page: &str) -> Vec<[String; 3]> {
    let mut steps = Vec::new();
    let (mut part, mut title) = (String::new(), None);
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("## ") {
            part = heading.to_owned();
        } else if let Some(bold) = title_of(line) {
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

/// A page with these commands in place of its own, found by their titles.
fn with_commands(page: &str, steps: &[[String; 3]]) -> String {
    let (mut text, mut command) = (String::new(), None);
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        text.push_str(&format!("{line}\n"));
        if let Some(title) = title_of(line) {
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

/// Runs every step, and writes commands and output to `target/tour.md`.
async fn write_down(steps: Vec<tour::Step>, plain: impl Fn(String) -> String) {
    let mut text = String::new();
    for step in steps {
        let command = step.command.clone();
        let output = tokio::task::spawn_blocking(move || Command::new("sh").args(["-c", &command]).output());
        let output = output.await.expect("in time").expect("output").stdout;
        let output = plain(String::from_utf8_lossy(&output).into_owned());
        let output: Vec<String> = output.lines().map(wrapped).collect();
        let command = plain(step.command);
        text.push_str(&format!(
            "**{}**\n\n```sh\n{command}\n```\n\n```json\n{}\n```\n\n",
            step.title,
            output.join("\n")
        ));
    }
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tour.md"), text)
        .expect("the page is written");
}

#[tokio::test]
async fn docs_show_the_tour_that_the_runner_prints() {
    let folder = tempfile::tempdir().unwrap();
    let update = std::env::var_os("UPDATE_TOUR").is_some();
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
        for (page, text) in [("README.md", README), ("docs/tour.md", TOUR)] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page);
            std::fs::write(path, with_commands(text, &printed)).unwrap();
        }
        return write_down(tour::steps(&ready), at_default_ports).await;
    }
    assert_eq!(shown(TOUR), printed);
}

#[test]
fn five_commands_of_the_readme_are_steps_of_the_tour() {
    let in_order = shown(TOUR);
    let mut rest = in_order.iter();
    let steps = shown(README);
    assert_eq!(steps.len(), 5);
    for [_, title, command] in &steps {
        assert!(
            rest.any(|[_, known, step]| known == title && step == command),
            "{title}: no step of the tour, or in another order; UPDATE_TOUR=1 writes the commands of steps"
        );
    }
}

#[test]
fn readme_starts_and_tests_omega() {
    for command in ["cargo run ", "cargo test "] {
        assert!(README.lines().any(|line| line.starts_with(command)), "{command}");
    }
}

#[test]
fn readme_has_at_most_150_lines() {
    let lines = README.lines().count();
    assert!(lines <= README_LINES, "{lines} lines: what is longer belongs into docs/");
}
