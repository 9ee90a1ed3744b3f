//! Several processes that train, calibrate and search one supernet, on one host or many.
//!
//! The engine is PyTorch's own c10d: a key-value store over TCP and a Gloo group for processors, NCCL for gradients on
//! NVIDIA GPUs. A process is a *rank*, from 0. It learns its place from torchrun's variables ([`Place`]), or is started by
//! [`launch()`]. A process alone is rank 0 of 1, for which every function below does nothing.
//!
//! ```text
//! place    the variables of the environment
//! c10d     store and group, as Rust values
//! nccl     sums on NVIDIA GPUs
//! launch   starts all processes on this host, and ends them together
//! error    what can go wrong
//! ```
//!
//! All ranks make the same calls in the same order. A rank that ends early ends the calls of all others with an error,
//! at the latest after the time-out.

mod c10d;
mod error;
mod launch;
mod nccl;
mod place;
#[cfg(test)]
pub(crate) mod tests;

pub use error::RankError;
pub use launch::{LOST, is_launched, launch};
pub use place::Place;

use c10d::{Group, Store};
use nccl::{Calls, Nccl};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tch::{Device, Kind, Tensor};

/// The key of the message of a rank that failed.
const FAULT: &str = "fault";
/// The key that rank 0 sets once all others may go on.
const BEGUN: &str = "begun";
/// Longest wait for the message of a rank that ended.
const FAULT_WAIT: Duration = Duration::from_secs(2);
/// Time between two looks at the store.
const POLL: Duration = Duration::from_millis(100);

/// All processes of a run, as one of them sees them.
#[derive(Debug)]
pub struct Ranks {
    place: Place,
    links: Option<Links>,
}

#[derive(Debug)]
struct Links {
    store: Store,
    group: Mutex<Group>,
    nccl: OnceLock<Option<Mutex<Nccl>>>,
    timeout: Duration,
}

impl Links {
    fn group(&self) -> MutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Ranks {
    fn default() -> Self {
        Self::alone()
    }
}

impl Ranks {
    /// One process without others.
    ///
    /// ```
    /// use nestling_train::ranks::Ranks;
    /// let ranks = Ranks::alone();
    /// assert!(ranks.is_first() && ranks.count() == 1);
    /// ```
    pub fn alone() -> Self {
        Self { place: Place::alone(), links: None }
    }

    /// The same, for those who borrow it.
    pub fn just_one() -> &'static Self {
        static ONE: OnceLock<Ranks> = OnceLock::new();
        ONE.get_or_init(Self::alone)
    }

    /// Joins the processes at a place; alone where it says so. Every later wait for the others ends after `timeout`.
    ///
    /// # Errors
    /// [`RankError::Join`] if the others are not found in time.
    pub fn join(place: Place, timeout: Duration) -> Result<Self, RankError> {
        if place.count == 1 {
            return Ok(Self::alone());
        }
        launch::end_with_parent();
        let Place { rank, count, ref host, port, is_served, .. } = place;
        let fail = |problem| RankError::Join { rank, count, host: host.clone(), port, problem };
        let store = Store::open(host, port, rank == 0 && !is_served, timeout).map_err(fail)?;
        let group = Group::join(&store, host, rank, count, timeout).map_err(fail)?;
        let links = Some(Links { store, group: Mutex::new(group), nccl: OnceLock::new(), timeout });
        Ok(Self { place, links })
    }

    /// The number of this process, from 0.
    pub fn rank(&self) -> u32 {
        self.place.rank
    }

    /// The number of processes.
    pub fn count(&self) -> u32 {
        self.place.count
    }

    /// The number of processes on this host.
    pub fn local_count(&self) -> u32 {
        self.place.local_count
    }

    /// Whether this process writes the files and the text of all.
    pub fn is_first(&self) -> bool {
        self.place.rank == 0
    }

    /// The error of a call that failed: the message of the rank at fault, if it left one.
    fn lost(&self, links: &Links, problem: String) -> RankError {
        let asked = Instant::now();
        while asked.elapsed() < FAULT_WAIT {
            match links.store.has(FAULT) {
                Ok(true) => {
                    if let Ok(message) = links.store.get(FAULT) {
                        return RankError::Elsewhere { message: String::from_utf8_lossy(&message).into_owned() };
                    }
                }
                Ok(false) => {}
                Err(_) => break, // the store went with its process
            }
            std::thread::sleep(POLL);
        }
        RankError::Lost { rank: self.rank(), problem }
    }

    /// Tells the other processes why this one ends.
    pub fn report_fault(&self, message: &dyn Display) {
        if let Some(links) = &self.links {
            // Whoever cannot be told finds out by the lost connection.
            let _ = links.store.set(FAULT, format!("rank {}: {message}", self.rank()).as_bytes());
        }
    }

    /// Lets the other processes go on, once rank 0 has done what they wait for; they wait without an end, because
    /// reading a data set for the first time takes hours.
    ///
    /// # Errors
    /// [`RankError`] if a process ends.
    pub fn wait_for_first(&self) -> Result<(), RankError> {
        let Some(links) = &self.links else { return Ok(()) };
        let lost = |problem| self.lost(links, problem);
        if self.is_first() {
            return links.store.set(BEGUN, b"1").map_err(lost);
        }
        while !links.store.has(BEGUN).map_err(lost)? {
            if links.store.has(FAULT).map_err(lost)? {
                return Err(self.lost(links, String::new()));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Adds the tensors of all ranks, in place: the same values on every rank. Any kind that Gloo sums; on a GPU f32.
    ///
    /// # Errors
    /// [`RankError`] if a process ends or does not answer in time.
    pub fn sum(&self, tensor: &mut Tensor) -> Result<(), RankError> {
        let Some(links) = &self.links else { return Ok(()) };
        let summed = match tensor.device() {
            Device::Cuda(device) => self.sum_on_gpu(links, device, tensor),
            Device::Cpu | Device::Mps | Device::Vulkan => links.group().sum(tensor),
        };
        summed.map_err(|problem| self.lost(links, problem))
    }

    /// By NCCL, or through the processor where there is none.
    fn sum_on_gpu(&self, links: &Links, device: usize, tensor: &mut Tensor) -> Result<(), String> {
        let nccl = match links.nccl.get() {
            Some(known) => known,
            None => {
                let joined = Calls::loaded().map(|calls| self.join_nccl(calls, device)).transpose()?;
                links.nccl.get_or_init(|| joined.map(Mutex::new))
            }
        };
        match nccl {
            Some(nccl) => nccl.lock().unwrap_or_else(PoisonError::into_inner).sum(tensor, links.timeout),
            None => {
                let mut host = tensor.to_device(Device::Cpu);
                links.group().sum(&mut host)?;
                tensor.copy_(&host);
                Ok(())
            }
        }
    }

    fn join_nccl(&self, calls: Calls, device: usize) -> Result<Nccl, String> {
        let id = if self.is_first() { calls.new_id()? } else { Vec::new() };
        let id = self.copy_of_first(id).map_err(|error| error.to_string())?;
        Nccl::join(calls, &id, self.rank(), self.count(), device)
    }

    /// The bytes of rank 0, on every rank.
    ///
    /// # Errors
    /// As [`Ranks::sum`].
    pub fn copy_of_first(&self, bytes: Vec<u8>) -> Result<Vec<u8>, RankError> {
        self.copy_of_rank(0, bytes)
    }

    fn copy_of_rank(&self, from: u32, bytes: Vec<u8>) -> Result<Vec<u8>, RankError> {
        let Some(links) = &self.links else { return Ok(bytes) };
        let copy = |tensor: &mut Tensor| links.group().copy(tensor, from).map_err(|problem| self.lost(links, problem));
        let mut length = Tensor::from_slice(&[bytes.len() as i64]);
        copy(&mut length)?;
        let length = length.int64_value(&[0]);
        if length == 0 {
            return Ok(Vec::new());
        }
        let mut tensor = if self.rank() == from {
            Tensor::from_slice(&bytes)
        } else {
            Tensor::zeros([length], (Kind::Uint8, Device::Cpu))
        };
        copy(&mut tensor)?;
        let mut received = vec![0u8; usize::try_from(length).unwrap_or(0)];
        tensor.copy_data_u8(&mut received, length as usize);
        Ok(received)
    }

    /// The bytes of every rank, in their order.
    ///
    /// # Errors
    /// As [`Ranks::sum`].
    pub fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, RankError> {
        (0..self.count())
            .map(|from| self.copy_of_rank(from, if from == self.rank() { bytes.to_vec() } else { Vec::new() }))
            .collect()
    }

    /// Checks that all ranks hold the same values, by a hash of them.
    ///
    /// # Errors
    /// [`RankError::Differ`] on every rank, else as [`Ranks::sum`].
    pub fn check_same(&self, what: &'static str, hash: u64) -> Result<(), RankError> {
        let hashes = self.gather(&hash.to_le_bytes())?;
        match (0..self.count()).zip(&hashes).find(|(_, other)| **other != hashes[0]) {
            Some((other, _)) => Err(RankError::Differ { what, other }),
            None => Ok(()),
        }
    }

    /// Which of `count` pieces of work this rank does: every so many, from its own number on.
    pub fn own(&self, count: usize) -> impl Iterator<Item = usize> + use<> {
        (self.rank() as usize..count).step_by(self.count() as usize)
    }

    /// The results of all pieces of work, in their order, from those that each rank did ([`Ranks::own`]). A rank that
    /// failed gives its error; the others learn its message.
    ///
    /// # Errors
    /// That of this rank, or [`RankError::Elsewhere`].
    pub fn exchange<T, E>(&self, own: Result<Vec<T>, E>) -> Result<Vec<T>, E>
    where
        T: Serialize + DeserializeOwned,
        E: Display + From<RankError>,
    {
        if self.links.is_none() {
            return own;
        }
        let message = match &own {
            Ok(own) => postcard::to_allocvec(&Ok::<_, String>(own)),
            Err(error) => postcard::to_allocvec(&Err::<&Vec<T>, _>(format!("rank {}: {error}", self.rank()))),
        };
        let unreadable = |error: postcard::Error| RankError::Elsewhere { message: error.to_string() };
        let parts = self.gather(&message.map_err(unreadable)?)?;
        own?;
        let mut all: Vec<std::vec::IntoIter<T>> = Vec::new();
        for part in parts {
            let part: Result<Vec<T>, String> = postcard::from_bytes(&part).map_err(unreadable)?;
            all.push(part.map_err(|message| RankError::Elsewhere { message })?.into_iter());
        }
        let count: usize = all.iter().map(ExactSizeIterator::len).sum();
        let ranks = all.len();
        Ok((0..count).filter_map(|index| all[index % ranks].next()).collect())
    }
}
