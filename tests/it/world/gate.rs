//! The program under test as its own process, with its log.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Audit lines are written together at most this far apart, with room for a busy machine.
const AUDIT_PAUSE: Duration = Duration::from_millis(150);

/// Of a directory's section: users and groups are read when a test asks for it, not when the clock strikes between
/// two of its steps.
pub(crate) const ON_DEMAND: &str = "sync.cron = \"0 3 1 1 *\"\nsync.follow = false";

/// A folder of its own for each test, removed with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ldapgate-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Has the program itself make an authority and a certificate for `localhost` and 127.0.0.1.
    pub(crate) fn make_certificates(&self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ldapgate"));
        command.args(["certs", "--directory"]).arg(&self.0).args(["localhost", "127.0.0.1"]);
        let made = command.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `ldapgate run` on a configuration of the test's.
pub(crate) struct Gate {
    child: Child,
    watchdog: Child,
    log: Arc<Mutex<Vec<Value>>>,
    raw: Arc<Mutex<String>>,
    pub(crate) folder: Folder,
}

impl Gate {
    /// Starts the program in a folder that holds the files its configuration names, and waits until every
    /// listener listens. `{dir}` in the configuration stands for the folder.
    pub(crate) fn start_in(folder: Folder, configuration: &str) -> Self {
        let own = folder.path().display();
        let mut control = format!("control = \"{own}/control.sock\"\n");
        if !configuration.contains("store = ") {
            control.push_str("store = \"store.redb\"\n");
        }
        let configuration = configuration.replace("{dir}", &folder.path().display().to_string());
        let log = "\n[log]\nformat = \"json\"\nlevel = \"debug\"\n";
        Self::start_with(folder, &format!("{control}{configuration}{log}"))
    }

    /// Starts the program with a whole configuration.
    fn start_with(folder: Folder, configuration: &str) -> Self {
        let listeners = configuration.matches("[[listener]]").count();
        let file = folder.write("ldapgate.toml", configuration);
        let mut child = Command::new(env!("CARGO_BIN_EXE_ldapgate"))
            .arg("run")
            .arg("--config")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let raw = Arc::new(Mutex::new(String::new()));
        let (events, text) = (log.clone(), raw.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Ok(event) = serde_json::from_str::<Value>(&line) {
                    events.lock().unwrap().push(event);
                }
                let mut text = text.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
        });
        let watchdog = watchdog(child.id(), folder.path());
        let mut gate = Self { child, watchdog, log, raw, folder };
        gate.wait_for("every listener", |gate| gate.events("listening").len() >= listeners);
        gate
    }

    /// Ends the program by a signal and starts it again in its folder, with its configuration. Nothing of the log
    /// so far is known afterwards.
    pub(crate) fn again(self, signal: &str) -> Self {
        self.again_with(signal, |text| text)
    }

    /// The same with a change of the configuration.
    pub(crate) fn again_with(
        mut self,
        signal: &str,
        change: impl FnOnce(String) -> String,
    ) -> Self {
        self.signal(signal);
        self.end();
        let folder = self.take_folder();
        let text = fs::read_to_string(folder.path().join("ldapgate.toml")).unwrap();
        Self::start_with(folder, &change(text))
    }

    /// The folder, which outlives the program from then on.
    pub(crate) fn take_folder(&mut self) -> Folder {
        std::mem::replace(&mut self.folder, Folder(PathBuf::new()))
    }

    /// Waits until the first whole sync of `directories` directories is published.
    pub(crate) fn synced(mut self, directories: usize) -> Self {
        self.wait_for("the first sync", |gate| gate.events("sync pass done").len() >= directories);
        self
    }

    /// The log lines with this message, oldest first.
    pub(crate) fn events(&self, message: &str) -> Vec<Value> {
        self.log
            .lock()
            .unwrap()
            .iter()
            .filter(|event| event["message"] == message)
            .cloned()
            .collect()
    }

    /// Everything that was written to standard error.
    pub(crate) fn log_text(&self) -> String {
        self.raw.lock().unwrap().clone()
    }

    /// Waits for a condition, at most 20 s.
    pub(crate) fn wait_for(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !condition(self) {
            if let Some(status) = self.child.try_wait().unwrap() {
                std::thread::sleep(Duration::from_millis(50));
                panic!("ldapgate ended with {status} before {what}:\n{}", self.log_text());
            }
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "no {what} within 20 s:\n{}",
                self.log_text()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The address of the listener called `name`.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        let events = self.events("listening");
        let event = events.iter().find(|event| event["listener"] == name).unwrap();
        event["address"].as_str().unwrap().parse().unwrap()
    }

    /// The audit lines of binds so far; those that wait to be written together are waited for.
    pub(crate) fn binds(&self) -> Vec<Value> {
        std::thread::sleep(AUDIT_PAUSE);
        self.events("bind")
    }

    /// The audit line after the first `known` ones; the log comes through a pipe, a moment late.
    pub(crate) fn bind_after(&self, known: usize) -> Value {
        let begun = Instant::now();
        loop {
            if let Some(bind) = self.events("bind").into_iter().nth(known) {
                return bind;
            }
            assert!(begun.elapsed() < Duration::from_secs(5), "no audit line {}", known + 1);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How often the log says this, once it is at least `least` times; waits at most 5 s for that.
    pub(crate) fn logged(&self, text: &str, least: usize) -> usize {
        let begun = Instant::now();
        loop {
            let count = self.log_text().matches(text).count();
            if count >= least || begun.elapsed() > Duration::from_secs(5) {
                return count;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The control socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    /// Runs another command of the program against this instance.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(env!("CARGO_BIN_EXE_ldapgate"))
            .arg("--config")
            .arg(self.folder.path().join("ldapgate.toml"))
            .args(arguments)
            .output()
            .unwrap()
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Peak and present memory of the process in KiB; `None` when it has ended.
    pub(crate) fn memory(&self) -> Option<(u64, u64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        Some((field("VmHWM:")?, field("VmRSS:")?))
    }

    /// `ldapgate status --json`.
    pub(crate) fn status(&self) -> Value {
        let output = self.command(&["status", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
        })
    }

    /// `ldapgate sync`: whether all went well, and what it printed.
    pub(crate) fn sync(&self) -> (bool, String) {
        let output = self.command(&["sync"]);
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal("-TERM");
        self.end()
    }

    /// Waits for the end, at most 20 s.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Kills the program and removes its folder when this process ends without having done so: gates that tests share live in statics,
/// which are never dropped.
fn watchdog(pid: u32, folder: &Path) -> Child {
    Command::new("sh")
        .args(["-c", "cat; kill -KILL \"$0\"; rm -rf -- \"$1\"", &pid.to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for Gate {
    fn drop(&mut self) {
        // First the watchdog: the id may soon be another process's.
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let text = self.log_text();
            let tail: Vec<&str> = text.lines().rev().take(40).collect();
            for line in tail.iter().rev() {
                eprintln!("{line}");
            }
        }
    }
}
