//! The locks of a session, with every order in which threads can run: loom tries all of them. The code is the runtime's
//! own; only the locks below it are loom's.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::SeqCst;
use loom::sync::{Arc, Mutex};
use loom::thread;
use nestling::Error;
use nestling_torture::Campaign;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

mod sync {
    pub(super) use loom::sync::{Mutex, RwLock};
}
#[path = "../src/session/current.rs"]
mod current;
#[path = "../src/session/turn.rs"]
mod turn;

use current::Current;
use turn::Turn;

/// Stands for a prepared child: the last clone takes the lock of the slots, to free its own.
#[derive(Clone)]
struct Child {
    number: usize,
    slot: Arc<Slot>,
}

struct Slot {
    number: usize,
    freed: Arc<Mutex<Vec<usize>>>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.freed.lock().unwrap().push(self.number);
    }
}

fn child(number: usize, freed: &Arc<Mutex<Vec<usize>>>) -> Child {
    Child { number, slot: Arc::new(Slot { number, freed: Arc::clone(freed) }) }
}

/// Runs a model in all orders, and counts them.
fn all_orders(what: &'static str, model: fn()) {
    let mut campaign = Campaign::new(what, 1, 1);
    campaign.next();
    let orders = std::sync::Arc::new(AtomicU64::new(0));
    let count = std::sync::Arc::clone(&orders);
    let run = move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    };
    if catch_unwind(AssertUnwindSafe(|| loom::model(run))).is_err() {
        campaign.fault("an order of threads that is wrong: see the panic above");
    }
    campaign.add(orders.load(Ordering::Relaxed) - 1);
    campaign.finish();
}

#[test]
fn a_switch_is_seen_whole_and_frees_the_old_child_once_outside_of_its_lock() {
    all_orders("orders of two switches and an answer", || {
        let freed = Arc::new(Mutex::new(Vec::new()));
        let current = Arc::new(Current::new(child(0, &freed)));
        let switch = |number: usize| {
            let (current, next) = (Arc::clone(&current), child(number, &freed));
            thread::spawn(move || current.replace(next))
        };
        let switches = [switch(1), switch(2)];
        let seen = current.get();
        assert_eq!(seen.number, seen.slot.number);
        // A thread that frees a slot may read what is active at that time: no switch may free within its lock.
        let held = freed.lock().unwrap();
        let last = current.get();
        drop(held);
        drop((seen, last));
        switches.into_iter().for_each(|switch| switch.join().unwrap());
        let left = current.get().number;
        drop(current);
        let mut freed = freed.lock().unwrap().clone();
        assert!(left != 0 && freed.len() == 3, "{left} is left, freed {freed:?}");
        freed.sort_unstable();
        assert_eq!(freed, [0, 1, 2]);
    });
}

#[test]
fn one_caller_at_a_time_has_the_turn_and_nobody_waits_for_it() {
    all_orders("orders of three measurements", || {
        let turn = Arc::new(Turn::default());
        let inside = Arc::new(AtomicUsize::new(0));
        let measure = |turn: &Turn, inside: &AtomicUsize| match turn.take("a measurement") {
            Ok(guard) => {
                assert_eq!(inside.fetch_add(1, SeqCst), 0);
                inside.fetch_sub(1, SeqCst);
                drop(guard);
                true
            }
            Err(Error::Busy { action: "a measurement" }) => false,
            Err(error) => panic!("{error}"),
        };
        let other = || {
            let (turn, inside) = (Arc::clone(&turn), Arc::clone(&inside));
            thread::spawn(move || measure(&turn, &inside))
        };
        let others = [other(), other()];
        let own = measure(&turn, &inside);
        let others = others.map(|other| other.join().unwrap());
        assert!(own || others.contains(&true), "everyone was refused");
        assert!(turn.take("a choice").is_ok(), "the turn was not given back");
    });
}
