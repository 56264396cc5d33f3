//! Clients that others publish, unmodified, and scripts as others write them: they log in at the runner and work there.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use reqwest::Method;
use serde_json::json;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::running::Running;

/// Runs a program to its end. `Err` is what it wrote, or why it did not begin.
async fn run(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str], folder: &Path) -> Result<(), String> {
    finish(Command::new(program).args(arguments).current_dir(folder)).await
}

async fn finish(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(|error| format!("{:?}: {error}", command.as_std().get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runner/clients")
}

/// One test at a time installs.
static INSTALLING: Mutex<()> = Mutex::const_new(());

/// A folder with the clients of this list, installed anew when the list has changed.
async fn installed(list: &str) -> Result<PathBuf, String> {
    let _alone = INSTALLING.lock().await;
    let wanted = std::fs::read(scripts().join(list)).expect("a list of clients");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(list.replace('.', "-"));
    let mark = folder.join(list);
    if std::fs::read(&mark).is_ok_and(|there| there == wanted) && folder.join("complete").exists() {
        return Ok(folder);
    }
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(&mark, wanted).expect("a copy of the list");
    if list == "package.json" {
        let quietly = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"];
        run("npm", &quietly, &folder).await?;
    } else {
        run("python3", &["-m", "venv", "venv"], &folder).await?;
        let quietly = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", list];
        run(folder.join("venv/bin/python"), &quietly, &folder).await?;
    }
    std::fs::write(folder.join("complete"), "").expect("a mark");
    Ok(folder)
}

/// The folder, or `None` after saying why the test is left out. In CI nothing is left out.
async fn available(list: &str) -> Option<PathBuf> {
    match installed(list).await {
        Ok(folder) => Some(folder),
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("{list}: {why}"),
        Err(why) => {
            eprintln!("LEFT OUT: the clients of {list} could not be installed.\n{why}");
            None
        }
    }
}

/// A runner with a business, an owner who may log in, and what a script has to know of them.
async fn omega(folder: &Path) -> (Running, Vec<(&'static str, String)>) {
    let runner = Running::start(folder, &["--empty"]).await;
    let owner = json!({"staff_name": "Olga Owner", "staff_email": "olga@studio.example", "role": "owner"});
    let (status, answer) = runner.call(Method::PUT, "/staffs/12", owner).await;
    assert_eq!(status, 200, "{answer}");
    let location = json!({"name": "Harbor"});
    let patient = json!({
        "client_name": "Nora Next", "client_email": "nora@next.example",
        "client_phone_number": "+14155550116", "location_id": 3,
    });
    for (path, entry) in [("/locations/3", location), ("/clients/1", patient)] {
        let (status, answer) = runner.call(Method::PUT, path, entry).await;
        assert_eq!(status, 200, "{answer}");
    }
    let origin = runner.word("base_url").replace("/omega", "");
    let known = vec![
        ("OMEGA_URL", origin),
        ("OMEGA_USER", "12".to_owned()),
        ("OMEGA_EMAIL", "olga@studio.example".to_owned()),
        ("OMEGA_KEY", runner.word("api_key")),
        ("OMEGA_SUBDOMAIN", "demo".to_owned()),
    ];
    (runner, known)
}

async fn works(interpreter: PathBuf, script: &str, modules: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let (_runner, known) = omega(folder.path()).await;
    let mut command = Command::new(interpreter);
    command.arg(scripts().join(script)).env("NODE_PATH", modules.join("node_modules")).envs(known);
    if let Err(told) = finish(&mut command).await {
        panic!("{script}: {told}");
    }
}

#[tokio::test]
async fn the_python_client_logs_in_and_works() {
    let Some(folder) = available("requirements.txt").await else { return };
    works(folder.join("venv/bin/python"), "rocketchat_api.py", &folder).await;
}

#[tokio::test]
async fn scripts_that_send_forms_work() {
    let Some(folder) = available("requirements.txt").await else { return };
    works(folder.join("venv/bin/python"), "forms.py", &folder).await;
}

#[tokio::test]
async fn a_program_of_nexhealth_finds_institution_location_and_patient() {
    let Some(folder) = available("requirements.txt").await else { return };
    works(folder.join("venv/bin/python"), "nexhealth.py", &folder).await;
}

#[tokio::test]
async fn the_javascript_clients_log_in_and_work() {
    let Some(folder) = available("package.json").await else { return };
    works("node".into(), "api_client.js", &folder).await;
    works("node".into(), "sdk.js", &folder).await;
}
