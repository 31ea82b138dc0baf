//! Counts the instructions of a proxy instead of its time, by callgrind: the figure is the same on a noisy machine and on
//! a quiet one, to about one part in a hundred. It says nothing about the kernel's part, nor about caches.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// How long a program may take to write its counters down. A program that callgrind runs is some fifty times slower.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is between two looks for the file.
const PAUSE: Duration = Duration::from_millis(20);

/// Whether the machine has valgrind.
pub(crate) fn is_there() -> bool {
    let mut command = Command::new("callgrind_control");
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The counter of one program that runs.
pub(crate) struct Counter {
    process: u32,
    /// Where it writes its counters: this name with a number behind it.
    file: PathBuf,
    dumps: Cell<u32>,
    total: RefCell<u64>,
}

impl Counter {
    /// The words that go before a program and its own words, to have it counted in `folder`.
    pub(crate) fn before(folder: &Path) -> Vec<String> {
        let file = folder.join("callgrind").display().to_string();
        let out = format!("--callgrind-out-file={file}");
        ["valgrind", "--tool=callgrind", "--quiet", &out].map(str::to_owned).to_vec()
    }

    /// The counter of `process`, which was started with [`before`](Self::before).
    pub(crate) fn of(process: u32, folder: &Path) -> Self {
        Self { process, file: folder.join("callgrind"), dumps: Cell::new(0), total: RefCell::new(0) }
    }

    /// The instructions so far. Each is shown as a nanosecond, so that they are summed and divided like time.
    pub(crate) fn read(&self) -> Result<Duration> {
        let number = self.dumps.get() + 1;
        self.dumps.set(number);
        let output = Command::new("callgrind_control").arg("--dump").arg(self.process.to_string()).output()?;
        ensure!(output.status.success(), "callgrind_control: {}", String::from_utf8_lossy(&output.stderr));
        let file = self.file.with_file_name(format!("callgrind.{number}"));
        let end = Instant::now() + PATIENCE;
        // Each dump begins at nought again. Its last line is the sum.
        let more = loop {
            let text = fs::read_to_string(&file).unwrap_or_default();
            let line = text.lines().rev().take(5).find_map(|line| line.strip_prefix("totals: "));
            if let Some(totals) = line.filter(|_| text.ends_with('\n')) {
                // With `VALGRIND_OPTS=--cache-sim=yes` others follow.
                let first = totals.split_whitespace().next().unwrap_or_default();
                break first.parse::<u64>().context("callgrind's totals")?;
            }
            ensure!(Instant::now() < end, "callgrind writes no {}", file.display());
            std::thread::sleep(PAUSE);
        };
        fs::remove_file(&file)?;
        let mut total = self.total.borrow_mut();
        *total += more;
        Ok(Duration::from_nanos(*total))
    }
}
