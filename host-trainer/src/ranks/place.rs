use super::RankError;

/// The place of this process among all, as torchrun's variables have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 0.
    pub rank: u32,
    /// All processes.
    pub count: u32,
    /// From 0, on this host: the GPU of this process.
    pub local_rank: u32,
    /// Processes on this host.
    pub local_count: u32,
    /// Host of the store.
    pub host: String,
    /// Port of the store.
    pub port: u16,
    /// Whether another program serves the store, as torchrun does.
    pub is_served: bool,
}

/// The variable of torchrun that says who serves the store.
pub(super) const AGENT_STORE: &str = "TORCHELASTIC_USE_AGENT_STORE";

impl Place {
    /// The one process of a run without others.
    pub fn alone() -> Self {
        let (host, port, is_served) = (String::new(), 0, false);
        Self { rank: 0, count: 1, local_rank: 0, local_count: 1, host, port, is_served }
    }

    /// The place that the environment gives: `RANK`, `WORLD_SIZE`, `LOCAL_RANK`, `LOCAL_WORLD_SIZE`, `MASTER_ADDR` and
    /// `MASTER_PORT`. Alone without the first two, or as one of one.
    ///
    /// # Errors
    /// [`RankError::Environment`] names the variable that is missing or wrong.
    pub fn from_environment() -> Result<Self, RankError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, RankError> {
        let number = |name: &'static str, rule, default: Option<u32>| match (variable(name), default) {
            (None, Some(default)) => Ok(default),
            (given, _) => given.as_deref().and_then(|text| text.parse().ok()).ok_or_else(|| wrong(name, given, rule)),
        };
        if variable("RANK").is_none() && variable("WORLD_SIZE").is_none() {
            return Ok(Self::alone());
        }
        let count = number("WORLD_SIZE", "the number of processes", None)?;
        let rank = number("RANK", "the number of this process, from 0", None)?;
        if count == 0 || rank >= count {
            return Err(wrong("RANK", Some(rank.to_string()), "below `WORLD_SIZE`"));
        }
        if count == 1 {
            return Ok(Self::alone());
        }
        let local_rank = number("LOCAL_RANK", "the number of this process on its host, from 0", Some(0))?;
        let local_count = number("LOCAL_WORLD_SIZE", "the processes on this host", Some(1))?.max(1);
        let host = variable("MASTER_ADDR").filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| wrong("MASTER_ADDR", None, "the host of rank 0"))?;
        let port = variable("MASTER_PORT");
        let rule = "a port of that host, from 1 to 65535";
        let port = port.as_deref().and_then(|text| text.parse().ok()).filter(|port| *port > 0).ok_or(port);
        let port = port.map_err(|given| wrong("MASTER_PORT", given, rule))?;
        let is_served = variable(AGENT_STORE).is_some_and(|value| value == "True");
        Ok(Self { rank, count, local_rank, local_count, host, port, is_served })
    }
}

fn wrong(variable: &'static str, given: Option<String>, rule: &'static str) -> RankError {
    let given = given.map_or_else(|| "not set".to_owned(), |text| format!("{text:?}"));
    RankError::Environment { variable, given, rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(variables: &[(&str, &str)]) -> Result<Place, RankError> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Place::from_variables(find)
    }

    #[test]
    fn torchruns_variables_say_where_a_process_is() {
        assert_eq!(place(&[]).unwrap(), Place::alone());
        assert_eq!(place(&[("RANK", "0"), ("WORLD_SIZE", "1")]).unwrap(), Place::alone());
        let all = [
            ("RANK", "5"),
            ("WORLD_SIZE", "16"),
            ("LOCAL_RANK", "1"),
            ("LOCAL_WORLD_SIZE", "4"),
            ("MASTER_ADDR", "node-0"),
            ("MASTER_PORT", "29500"),
            (AGENT_STORE, "True"),
        ];
        let found = place(&all).unwrap();
        let (rank, count, local_rank, local_count) = (5, 16, 1, 4);
        let expected =
            Place { rank, count, local_rank, local_count, host: "node-0".into(), port: 29500, is_served: true };
        assert_eq!(found, expected);
        for (variable, value, named) in [
            ("RANK", "16", "`RANK` is \"16\""),
            ("RANK", "-1", "`RANK`"),
            ("WORLD_SIZE", "two", "`WORLD_SIZE` is \"two\""),
            ("MASTER_PORT", "0", "`MASTER_PORT`"),
            ("MASTER_PORT", "70000", "`MASTER_PORT`"),
            ("MASTER_ADDR", "", "`MASTER_ADDR` is not set"),
            ("LOCAL_RANK", "x", "`LOCAL_RANK`"),
        ] {
            let changed = all.map(|(name, old)| (name, if name == variable { value } else { old }));
            let error = place(&changed).unwrap_err();
            assert!(error.to_string().contains(named) && error.code() == "ranks_environment", "{error}");
        }
        let error = place(&[("RANK", "0")]).unwrap_err().to_string();
        assert!(error.contains("`WORLD_SIZE` is not set"), "{error}");
    }
}
