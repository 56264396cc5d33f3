//! A runner in a process of its own.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// A started runner that answers.
pub struct Running {
    process: Child,
    log: JoinHandle<String>,
    /// What it wrote to its ready-file.
    pub ready: Value,
}

impl Running {
    /// Starts the runner on any port, with more arguments, and waits until it answers.
    pub async fn start(folder: &Path, more: &[&str]) -> Running {
        let ready_file = folder.join("ready.json");
        let _ = tokio::fs::remove_file(&ready_file).await;
        let mut process = Command::new(env!("CARGO_BIN_EXE_omega"))
            .args(["--port", "0", "--ready-file"])
            .arg(&ready_file)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the runner starts");
        let log = collected(process.stderr.take().expect("piped"));
        let mut ready = Value::Null;
        until(async || {
            let text = tokio::fs::read(&ready_file).await.unwrap_or_default();
            ready = serde_json::from_slice(&text).unwrap_or_default();
            ready.is_object()
        })
        .await;
        Running { process, log, ready }
    }

    /// A text of the ready-file.
    pub fn word(&self, name: &str) -> String {
        self.ready[name].as_str().unwrap_or_else(|| panic!("{name} is not in {}", self.ready)).to_owned()
    }

    /// A call with the demo business's key; `path` begins behind `/businesses/{id}`.
    pub async fn call(&self, method: reqwest::Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/businesses/{}{path}", self.word("base_url"), self.ready["business_id"]);
        let request = reqwest::Client::new().request(method, url).header("X-API-KEY", self.word("api_key"));
        let answer = request.json(&body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// Ends it from one moment to the next, and returns its log.
    pub async fn kill(mut self) -> String {
        self.process.start_kill().expect("it runs");
        self.process.wait().await.expect("it ends");
        self.log.await.expect("it was read")
    }
}

fn collected(mut pipe: impl tokio::io::AsyncRead + Unpin + Send + 'static) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes).await;
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Asks until it is so, for half a minute at most.
pub async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let asked = async {
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        while !is_so().await {
            pause.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked).await.expect("it is so within half a minute");
}
