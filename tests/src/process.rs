//! Child processes that never outlive the tests, free ports, and the `spotcheck` binary.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// Ports handed out lie below the kernel's range for outgoing connections (32768 and up).
///
/// A port of that range could be taken by any client while a killed server is down, and a
/// client that keeps dialling it can even connect to itself.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 12_000;

/// How long `spotcheck` may take to be ready: the demo loads a whole city first.
const START_DEADLINE: Duration = Duration::from_mins(5);

/// The root of the workspace.
pub fn workspace_root() -> Result<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = tests
        .parent()
        .context("the tests package has no parent folder")?;
    Ok(root.to_path_buf())
}

/// A port on loopback that nothing listens on and that no other caller gets, in this process or in another test
/// process of this machine: while ours lives, the lock on the port's file is ours.
pub fn free_port() -> Result<u16> {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let reserved = std::env::temp_dir().join("spotcheck-test-ports");
    std::fs::create_dir_all(&reserved)?;
    // Two test processes at once start their search at different places.
    let start = (std::process::id().wrapping_mul(97) % u32::from(PORTS)) as u16;
    for _ in 0..PORTS {
        let step = TAKEN.fetch_add(1, Ordering::Relaxed) % PORTS;
        let port = FIRST_PORT + (start + step) % PORTS;
        let file = reserved.join(port.to_string());
        let mut options = File::options();
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(file)?;
        // The lock goes first: whoever has it may have chosen the port, and not bound it yet.
        if file.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            HELD.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(file);
            return Ok(port);
        }
    }
    bail!(
        "no free port between {FIRST_PORT} and {}",
        FIRST_PORT + PORTS
    )
}

/// A child process whose output goes to a log file and whose life is bounded by ours.
#[derive(Debug)]
pub struct Server {
    name: String,
    child: Child,
    watchdog: Child,
    matched: Receiver<String>,
    log: PathBuf,
}

impl Server {
    /// Starts `command`; its output, both streams, is appended to `log`, and lines that contain
    /// `marker` are kept for [`Server::wait_for_marker`].
    pub fn spawn(name: &str, command: &mut Command, log: &Path, marker: &str) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let watchdog = watch(child.id())?;
        let (sender, matched) = mpsc::channel();
        let stdout = child.stdout.take().context("no standard output")?;
        let stderr = child.stderr.take().context("no standard error")?;
        copy_lines(stdout, log, marker, sender.clone())?;
        copy_lines(stderr, log, marker, sender)?;
        Ok(Self {
            name: name.to_owned(),
            child,
            watchdog,
            matched,
            log: log.to_path_buf(),
        })
    }

    /// The operating system's id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next line with the marker; fails when the process ends first.
    pub fn wait_for_marker(&self, deadline: Duration) -> Result<String> {
        match self.matched.recv_timeout(deadline) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => {
                bail!(
                    "{} not ready after {deadline:?}; its log ends:\n{}",
                    self.name,
                    self.tail()
                )
            }
            Err(RecvTimeoutError::Disconnected) => {
                bail!(
                    "{} ended before it was ready; its log ends:\n{}",
                    self.name,
                    self.tail()
                )
            }
        }
    }

    /// Kills the process as a power cut would and waits until it is gone.
    pub fn kill9(&mut self) -> Result<()> {
        // The watchdog goes first: it must never kill a process that got this id afterwards.
        end(&mut self.watchdog)?;
        end(&mut self.child).with_context(|| format!("cannot kill {}", self.name))
    }

    /// Asks the process to stop (SIGTERM) and waits for it, at most `deadline`.
    pub fn stop(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let asked = Command::new("kill")
            .arg("-TERM")
            .arg(self.id().to_string())
            .status()?;
        ensure!(asked.success(), "cannot signal {}", self.name);
        self.wait(deadline)
    }

    /// Waits until the process ends by itself, at most `deadline`.
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        // Both readers hang up once the process has closed its output, which is its end.
        loop {
            match self.matched.recv_timeout(deadline) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let tail = self.tail();
                    self.kill9()?;
                    bail!(
                        "{} did not stop in {deadline:?}; its log ends:\n{tail}",
                        self.name
                    )
                }
            }
        }
        end(&mut self.watchdog)?;
        Ok(self.child.wait()?)
    }

    /// The last lines of the log, for messages.
    pub fn tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let skip = lines.len().saturating_sub(25);
        lines.into_iter().skip(skip).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that is already gone is what we want; there is nobody to report to here.
        drop(self.kill9());
    }
}

/// Starts a shell that kills the process `id` once our end of its standard input closes, which
/// the kernel does for us even when the test process is killed.
fn watch(id: u32) -> Result<Child> {
    let script = format!("read -r _; kill -9 {id} 2>/dev/null");
    Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start the watchdog shell")
}

fn end(child: &mut Child) -> Result<()> {
    if child.try_wait()?.is_none() {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}

fn copy_lines(
    from: impl std::io::Read + Send + 'static,
    log: &Path,
    marker: &str,
    sender: mpsc::Sender<String>,
) -> Result<()> {
    let mut log = File::options().create(true).append(true).open(log)?;
    let marker = marker.to_owned();
    thread::spawn(move || {
        let mut line = Vec::new();
        let mut from = BufReader::new(from);
        while matches!(from.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            // A full disk must not stop the process under test by filling its pipe.
            drop(log.write_all(&line));
            let text = String::from_utf8_lossy(&line);
            if text.contains(&marker) {
                // Nobody may be waiting any more.
                drop(sender.send(text.trim_end().to_owned()));
            }
            line.clear();
        }
    });
    Ok(())
}

/// Waits, for the rare event that only an outside server's own schedule brings about.
pub fn pause(duration: Duration) {
    let (_sender, nothing) = mpsc::channel::<()>();
    // Nobody sends, so this always ends by its time.
    let _timeout = nothing.recv_timeout(duration);
}

/// Runs a command to its end; fails with all it printed when it does.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{} failed ({}):\n{stdout}{}",
        command.get_program().display(),
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
    Ok(stdout)
}

/// Has the project's own installer provide `part`; instant when it is there already.
pub fn provide(part: &str) -> Result<()> {
    let root = workspace_root()?;
    run(Command::new("bash")
        .arg(root.join("scripts/bootstrap.sh"))
        .arg(part))?;
    Ok(())
}

/// The `spotcheck` binary of the profile that this test was built with.
///
/// Cargo names binaries only to tests of their own package, so it is found beside this test:
/// `target/<profile>/deps/it-…` and `target/<profile>/spotcheck`.
pub fn spotcheck_binary() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let profile = test
        .ancestors()
        .nth(2)
        .context("the test has no target folder")?;
    let binary = profile.join("spotcheck");
    ensure!(
        binary.is_file(),
        "{} is missing: run `cargo build --workspace` before the tests",
        binary.display()
    );
    Ok(binary)
}

/// A running `spotcheck serve` or `spotcheck demo`, or any subcommand that says it is ready.
#[derive(Debug)]
pub struct Spotcheck {
    server: Server,
    address: String,
}

impl Spotcheck {
    /// Starts the binary and waits until it prints `ready http://ADDRESS`.
    pub fn start<S: AsRef<OsStr>>(arguments: &[S], log: &Path) -> Result<Self> {
        Self::start_command(Command::new(spotcheck_binary()?).args(arguments), log)
    }

    /// The same for a command that the caller prepared (environment, working directory).
    pub fn start_command(command: &mut Command, log: &Path) -> Result<Self> {
        let server = Server::spawn("spotcheck", command, log, "ready http://")?;
        let line = server.wait_for_marker(START_DEADLINE)?;
        let (_, address) = line
            .split_once("ready ")
            .context("no address on the ready line")?;
        let address = address.trim().to_owned();
        Ok(Self { server, address })
    }

    /// `http://HOST:PORT`, as it printed it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Bytes of memory that it holds now.
    pub fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.context("no VmRSS")?.trim().trim_end_matches("kB");
        Ok(1024 * kilobytes.trim().parse::<u64>()?)
    }

    /// Kills it as a power cut would.
    pub fn kill9(&mut self) -> Result<()> {
        self.server.kill9()
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        self.server.wait(deadline)
    }

    /// Asks it to stop and waits for its end.
    pub fn stop(&mut self, deadline: Duration) -> Result<ExitStatus> {
        self.server.stop(deadline)
    }

    /// The last lines of its log.
    pub fn tail(&self) -> String {
        self.server.tail()
    }
}
