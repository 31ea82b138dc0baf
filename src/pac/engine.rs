//! A template of the operator's, read and run as a browser would: by an engine that has nothing of ours in it.
//!
//! What runs has its own memory, stack, number of steps and time, and can call nothing but what stands in the template and in
//! `environment.js`: there are no files, no network, no clock that lasts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rquickjs::context::EvalOptions;
use rquickjs::{CatchResultExt as _, CaughtError, Context, Ctx, Function, Runtime, Value};

use super::script::{self, Token};
use super::{Error, Slip};

/// Memory that a template may take. Those of real networks take less than a tenth.
const MEMORY: usize = 64 * 1024 * 1024;

/// How deep its calls may be, in bytes.
const STACK: usize = 256 * 1024;

/// How often the engine may ask whether it is to go on. It does so every few thousand steps.
const TURNS: u32 = 2_000;

/// How long it may take. Those of real networks take milliseconds.
const TIME: Duration = Duration::from_secs(5);

/// How many engines that were given up may still be busy: none can be stopped inside a function of its own, such as a sort.
const MOST_GIVEN_UP: usize = 2;

/// How many there are of those.
static GIVEN_UP: AtomicUsize = AtomicUsize::new(0);

/// What browsers give a PAC file to call (without asking any DNS).
const ENVIRONMENT: &str = include_str!("environment.js");

/// What the template is called in the engine's messages.
const NAME: &str = "template";

/// Addresses that every template has an answer for.
const SAMPLES: [(&str, &str); 3] = [
    ("http://www.example.com/a?b=c", "www.example.com"),
    ("https://intranet/", "intranet"),
    ("http://192.0.2.1:8080/", "192.0.2.1"),
];

/// Finds what would make a browser give the file up. What is returned may be meant so: names that nothing declares, and an
/// address for which the file fails. `variable` is what the template knows as `vestibule`.
pub(super) fn check(text: &str, tokens: &[Token<'_>], variable: String) -> Result<Vec<Slip>, Error> {
    let text = text.to_owned();
    let Run { known, tried } = within(TIME, move |stop| run(&text, &variable, stop))?;
    let known: Vec<&str> = known.split(' ').collect();
    let mut slips = script::undeclared(tokens, &known);
    // What is said of a line already is not said twice.
    let is_new = |tried: &Slip| slips.iter().all(|slip| slip.line != tried.line);
    let tried = tried.filter(is_new);
    slips.extend(tried);
    Ok(slips)
}

/// Runs an engine on a thread of its own, and gives it up after so long. It is told so, and ends when it next looks.
fn within<T: Send + 'static>(
    time: Duration,
    run: impl FnOnce(Arc<AtomicBool>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    if GIVEN_UP.load(Ordering::Relaxed) >= MOST_GIVEN_UP {
        return Err(Error::Engine(
            "templates that came to no end before are still running: try again later".to_owned(),
        ));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let ((done, result), own) = (mpsc::sync_channel(1), Arc::clone(&stop));
    let work = move || {
        // Nobody takes it where it has been given up.
        drop(done.send(run(Arc::clone(&own))));
        if own.swap(true, Ordering::Relaxed) {
            GIVEN_UP.fetch_sub(1, Ordering::Relaxed);
        }
    };
    let spawned = thread::Builder::new().name("pac-template".to_owned()).spawn(work);
    spawned.map_err(|error| Error::Engine(error.to_string()))?;
    match result.recv_timeout(time) {
        Ok(ran) => ran,
        Err(RecvTimeoutError::Disconnected) => Err(Error::Engine("the engine has broken".to_owned())),
        Err(RecvTimeoutError::Timeout) => {
            GIVEN_UP.fetch_add(1, Ordering::Relaxed);
            // It may have come to an end at this very moment.
            if stop.swap(true, Ordering::Relaxed) {
                GIVEN_UP.fetch_sub(1, Ordering::Relaxed);
            }
            Err(Error::Engine(format!("it does not come to an end within {} seconds", time.as_secs())))
        }
    }
}

/// What came of a run.
struct Run {
    /// The names that browsers declare, with blanks between them.
    known: String,
    /// What was wrong when it was tried out.
    tried: Option<Slip>,
}

fn run(text: &str, variable: &str, stop: Arc<AtomicBool>) -> Result<Run, Error> {
    let failed = |error: rquickjs::Error| Error::Engine(error.to_string());
    let runtime = Runtime::new().map_err(failed)?;
    runtime.set_memory_limit(MEMORY);
    runtime.set_max_stack_size(STACK);
    let turns = AtomicU32::new(0);
    let is_over = move || stop.load(Ordering::Relaxed) || turns.fetch_add(1, Ordering::Relaxed) >= TURNS;
    runtime.set_interrupt_handler(Some(Box::new(is_over)));
    let context = Context::full(&runtime).map_err(failed)?;
    context.with(|context| {
        let known: String = context
            .eval(format!(
                "{ENVIRONMENT}\nvar vestibule = {variable};\nObject.getOwnPropertyNames(globalThis).join(' ')"
            ))
            .map_err(failed)?;
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(NAME.to_owned());
        let run = context.eval_with_options::<Value<'_>, _>(text, options);
        run.catch(&context).map_err(|error| thrown(error, "JavaScript"))?;
        Ok(Run { known, tried: try_out(&context).err() })
    })
}

/// Asks the template about some addresses.
fn try_out<'js>(context: &Ctx<'js>) -> Result<(), Slip> {
    let as_slip = |url: &str, error: CaughtError<'js>| match thrown(error, "") {
        Error::Script { line, column, message } => {
            Slip { line, column, message: format!("browsers get no answer for {url}: {message}") }
        }
        other => Slip { line: 1, column: 1, message: format!("browsers get no answer for {url}: {other}") },
    };
    for (url, host) in SAMPLES {
        let find = context.globals().get::<_, Function<'_>>("FindProxyForURL").catch(context);
        let find = find.map_err(|error| as_slip(url, error))?;
        let answer = find.call::<_, Value<'_>>((url, host)).catch(context).map_err(|error| as_slip(url, error))?;
        if !answer.is_string() {
            let message = format!("for {url} it returns {} and no text, so browsers go direct", answer.type_name());
            return Err(Slip { line: 1, column: 1, message });
        }
    }
    Ok(())
}

/// What the engine says, and where.
fn thrown(error: CaughtError<'_>, kind: &str) -> Error {
    let exception = match error {
        CaughtError::Exception(exception) => exception,
        CaughtError::Value(value) => return Error::Engine(format!("it throws {value:?}")),
        CaughtError::Error(error) => return Error::Engine(error.to_string()),
    };
    let stack = exception.stack().unwrap_or_default();
    let place = stack.split_once(&format!("{NAME}:")).map(|(_, rest)| rest);
    let mut numbers = place.unwrap_or_default().split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let mut number = || numbers.next().and_then(Result::ok).unwrap_or(1);
    let (line, column) = (number(), number());
    let message = exception.message().unwrap_or_default();
    if message == "interrupted" {
        return Error::Engine("it does not come to an end".to_owned());
    }
    let message = if kind.is_empty() { message } else { format!("it is no {kind} that browsers can run: {message}") };
    Error::Script { line, column, message }
}
