//! `tcoder-worker`: the data plane on a machine, and single tasks by hand.

mod cache;
mod print;
mod serve;
mod trial;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use cache::Cache;
use clap::{Args, Parser, Subcommand};
use worker::by_hand::{self, Inputs, Outcome};
use worker::child::{Limits, Options};
use worker::{encoders, engine, plugins};

/// Media worker of tcoder.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Task(Task),
    /// Serve a control plane: pull tasks, do them, report.
    Serve(serve::Serve),
    /// Try every encoder, and print as JSON which of them work.
    Encoders(Encoders),
    /// Enter the sandbox that tasks run in, and print as JSON what is refused there.
    Sandbox(trial::Sandbox),
}

/// What one has to know to write a spec.
const SPECS: &str = "\
A spec is a `TaskSpec` of bus-schema as JSON; samples are bus-schema/tests/golden/task-spec-*.json.
  probe      begin with {\"probe\": {\"source_bytes\": 0}}: sizes are measured, whatever is told
  chunk      `facts` is the `video` that the probe printed; so it is for `images`
  audio      `facts` is one of its `audio`, and `audio.track` is that one's `track`
  subtitles  `facts` are of its `subtitles`, one for each of the spec's own `subtitles`
  assemble   cannot be done by hand: it reads the segments of a job
Where the probe leaves an intermediate.mp4 in --out, that is the --source of all the others.

The last line on stdout is how the task ended. Exit codes: 0 done, 3 the source is refused, 4 anything else.";

/// Run one task of a file in the sandbox: `tcoder-worker task --spec spec.json --source film.mp4 --out dir`.
#[derive(Debug, Args)]
#[command(after_help = SPECS)]
struct Task {
    /// A file that holds the task as JSON.
    #[arg(long, required_unless_present = "child")]
    spec: Option<PathBuf>,
    /// A path or an http(s) address.
    #[arg(long, required_unless_present = "child")]
    source: Option<String>,
    /// A path or address of an image for the poster, for a task of images.
    #[arg(long)]
    image: Option<String>,
    /// Where to write what it makes.
    #[arg(long, default_value = "out")]
    out: PathBuf,
    /// Threads per decoder and encoder.
    #[arg(long)]
    threads: Option<u32>,
    #[command(flatten)]
    cache: Cache,
    /// Be the sandboxed half, on inherited sockets.
    #[arg(long, hide = true, requires = "parent")]
    child: bool,
    /// The process that started the sandboxed half.
    #[arg(long, hide = true)]
    parent: Option<u32>,
}

#[derive(Debug, Args)]
struct Encoders {
    /// Try this one, in this process.
    #[arg(long, hide = true)]
    trial: Option<String>,
    /// Say which there are, from this process, without trying them.
    #[arg(long, hide = true)]
    present: bool,
    #[command(flatten)]
    cache: Cache,
}

fn main() -> ExitCode {
    let log = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(log)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // That a line cannot be written would be said on stderr too, by a macro that panics.
        .log_internal_errors(false)
        .init();
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(4)
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Task(Task {
            child: true,
            parent,
            ..
        }) => {
            engine::task::run(parent.unwrap_or_default()).map_err(|e| anyhow!(e.to_log()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Task(task) => run_task(&task),
        Command::Serve(serve) => serve.apply(),
        Command::Encoders(Encoders {
            trial: Some(encoder),
            ..
        }) => {
            engine::trial::run(&encoder).map_err(|e| anyhow!(e.to_log()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Encoders(Encoders { present: true, .. }) => {
            let present = engine::hardware::present().map_err(|e| anyhow!(e.to_log()))?;
            print::line(&present)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Encoders(Encoders { cache, .. }) => run_encoders(&cache),
        Command::Sandbox(sandbox) => sandbox.apply(),
    }
}

fn run_task(task: &Task) -> anyhow::Result<ExitCode> {
    let (Some(spec), Some(source)) = (&task.spec, &task.source) else {
        anyhow::bail!("--spec and --source are needed");
    };
    let text =
        std::fs::read_to_string(spec).with_context(|| format!("cannot read {}", spec.display()))?;
    let spec = serde_json::from_str(&text)
        .with_context(|| format!("{} is no task: see --help", spec.display()))?;
    let cores =
        std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1));
    let options = Options {
        program: std::env::current_exe()?,
        environment: plugins::prepare(&task.cache.folder()?)?
            .environment()
            .clone(),
        threads: task.threads.unwrap_or(cores),
        limits: Limits::default(),
    };
    let inputs = Inputs {
        source,
        image: task.image.as_deref(),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(by_hand::run(&options, spec, inputs, &task.out))?;
    print::line(&outcome)?;
    Ok(match outcome {
        Outcome::Failed(error) if !error.code.is_passing() => ExitCode::from(3),
        Outcome::Failed(_) => ExitCode::from(4),
        _ => ExitCode::SUCCESS,
    })
}

fn run_encoders(cache: &Cache) -> anyhow::Result<ExitCode> {
    let plugins = plugins::prepare(&cache.folder()?)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let program = std::env::current_exe()?;
    let checks = runtime.block_on(encoders::check(&program, plugins.environment()));
    print::line(&checks)?;
    let works = checks.iter().any(|check| check.failure.is_none());
    Ok(if works {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(4)
    })
}
