use super::*;
use std::net::TcpListener;
use std::sync::Barrier;

const TIMEOUT: Duration = Duration::from_secs(20);

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs `work` on as many threads as ranks, each a rank of one group; the results in their order.
pub(crate) fn together<T: Send>(count: u32, work: impl Fn(Ranks) -> T + Sync) -> Vec<T> {
    crate::torch::initialise();
    let port = free_port();
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..count)
            .map(|rank| {
                scope.spawn(move || {
                    let place = Place { rank, count, host: "127.0.0.1".into(), port, ..Place::alone() };
                    work(Ranks::join(place, TIMEOUT).unwrap())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn sums_copies_and_pieces_of_work_reach_every_rank() {
    for count in [2, 3] {
        let all = together(count, |ranks| {
            ranks.wait_for_first().unwrap();
            let mut numbers = Tensor::from_slice(&[1.0f32, f32::from(ranks.rank() as u8) * 0.5]);
            let mut exact = Tensor::from_slice(&[1e-12f64]);
            ranks.sum(&mut numbers).unwrap();
            ranks.sum(&mut exact).unwrap();
            let bytes = if ranks.is_first() { b"from rank 0".to_vec() } else { Vec::new() };
            let first = ranks.copy_of_first(bytes).unwrap();
            assert_eq!(ranks.copy_of_first(Vec::new()).unwrap(), b"");
            let gathered = ranks.gather(&vec![7; ranks.rank() as usize]).unwrap();
            ranks.check_same("numbers", 5).unwrap();
            let own: Result<Vec<String>, RankError> = Ok(ranks.own(7).map(|at| format!("piece {at}")).collect());
            let pieces = ranks.exchange(own).unwrap();
            (Vec::<f32>::try_from(numbers).unwrap(), exact.double_value(&[0]), first, gathered, pieces)
        });
        let half_sum = f32::from((0..count as u8).sum::<u8>()) * 0.5;
        for (numbers, exact, first, gathered, pieces) in all {
            assert_eq!(numbers, [count as f32, half_sum]);
            assert!((exact / (f64::from(count) * 1e-12) - 1.0).abs() < 1e-12);
            assert_eq!(first, b"from rank 0");
            assert_eq!(gathered, (0..count as usize).map(|rank| vec![7; rank]).collect::<Vec<_>>());
            assert_eq!(pieces, (0..7).map(|at| format!("piece {at}")).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_rank_that_fails_tells_the_others_why() {
    let errors = together(2, |ranks| {
        let own = if ranks.rank() == 1 {
            Err(RankError::Workers { workers: 3, count: 2 })
        } else {
            Ok(ranks.own(2).collect::<Vec<usize>>())
        };
        ranks.exchange(own).unwrap_err()
    });
    assert_eq!(errors[1].code(), "ranks_workers");
    let message = errors[0].to_string();
    assert!(errors[0].is_elsewhere() && message.contains("rank 1: `workers` is 3"), "{message}");
}

#[test]
fn other_values_on_a_rank_are_found_on_every_rank() {
    let errors = together(3, |ranks| ranks.check_same("weights", u64::from(ranks.rank() / 2)).unwrap_err());
    for error in errors {
        assert!(matches!(error, RankError::Differ { what: "weights", other: 2 }), "{error}");
    }
}

#[test]
fn a_rank_that_ends_ends_the_calls_of_the_others() {
    for leaves_message in [false, true] {
        // The store lives as long as its rank: rank 1 goes, rank 0 serves.
        let gone = Barrier::new(2);
        let errors = together(2, |ranks| {
            if ranks.rank() == 1 {
                if leaves_message {
                    ranks.report_fault(&"picture a.png is damaged");
                }
                drop(ranks);
                gone.wait();
                return None;
            }
            gone.wait();
            let started = Instant::now();
            let error = ranks.sum(&mut Tensor::from_slice(&[1.0f32; 4])).unwrap_err();
            assert!(started.elapsed() < TIMEOUT, "the lost connection is the sign, not the time-out");
            Some(error)
        });
        let error = errors[0].as_ref().unwrap();
        if leaves_message {
            assert!(error.to_string().contains("rank 1: picture a.png is damaged"), "{error}");
        } else {
            assert_eq!(error.code(), "ranks_lost", "{error}");
        }
    }
}

#[test]
fn ranks_that_never_come_are_an_error() {
    crate::torch::initialise();
    let place = Place { rank: 1, count: 2, host: "127.0.0.1".into(), port: free_port(), ..Place::alone() };
    let error = Ranks::join(place, Duration::from_secs(1)).unwrap_err();
    assert_eq!(error.code(), "ranks_join", "{error}");
}
