/// The reason why several processes cannot work together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RankError {
    /// A variable of the environment is missing or wrong.
    #[error("`{variable}` is {given}; it must be {rule}. torchrun and --processes set it")]
    Environment {
        /// The variable.
        variable: &'static str,
        /// Its value.
        given: String,
        /// The values that are allowed.
        rule: &'static str,
    },
    /// The processes do not find each other.
    #[error("rank {rank} cannot join the {count} processes at {host}:{port}: {problem}")]
    Join {
        /// This process.
        rank: u32,
        /// All processes.
        count: u32,
        /// Host of the store.
        host: String,
        /// Port of the store.
        port: u16,
        /// The reason.
        problem: String,
    },
    /// Another process ended, or does not answer.
    #[error("rank {rank} lost another process: {problem}; the last checkpoint is whole, continue from it")]
    Lost {
        /// This process.
        rank: u32,
        /// The reason.
        problem: String,
    },
    /// Another process failed, and said why.
    #[error("another process failed: {message}")]
    Elsewhere {
        /// Its rank and its message.
        message: String,
    },
    /// The processes do not hold the same values any more.
    #[error("the {what} of rank {other} differ from those of rank 0: give all processes the same program and data")]
    Differ {
        /// The values.
        what: &'static str,
        /// The first process with others.
        other: u32,
    },
    /// The work cannot be divided.
    #[error("`workers` is {workers}; {count} processes need a multiple of {count}")]
    Workers {
        /// Workers of the run.
        workers: u32,
        /// Processes.
        count: u32,
    },
    /// A process that this one started failed.
    #[error("rank {rank} of {count} {how}{}; the others were ended", said(.message))]
    Process {
        /// The process.
        rank: u32,
        /// All processes.
        count: u32,
        /// How it ended.
        how: String,
        /// The end of its standard error.
        message: String,
    },
    /// Rank 0, which this process started, failed and has said why.
    #[error("rank 0 failed with exit code {exit_code}")]
    First {
        /// Its exit code.
        exit_code: u8,
    },
    /// No process can be started.
    #[error("cannot start {count} processes: {problem}")]
    Start {
        /// Processes wanted.
        count: u32,
        /// The reason.
        problem: String,
    },
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

impl RankError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Environment { .. } => "ranks_environment",
            Self::Join { .. } => "ranks_join",
            Self::Lost { .. } => "ranks_lost",
            Self::Elsewhere { .. } => "ranks_elsewhere",
            Self::Differ { .. } => "ranks_differ",
            Self::Workers { .. } => "ranks_workers",
            Self::Process { .. } => "ranks_process",
            Self::First { .. } => "ranks_first",
            Self::Start { .. } => "ranks_start",
        }
    }

    /// Whether the fault lies in another process, which says more about it.
    pub fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Elsewhere { .. })
    }
}
