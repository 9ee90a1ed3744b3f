//! Keeping a budget while the device warms up or other apps use it.

use crate::fault::{Fault, call, caught};
use crate::memory::{check_result, write};
use crate::registry::find;
use crate::status::nestling_status;
use crate::types::{NESTLING_NONE, nestling_governor, nestling_runtime};
use nestling::{Millis, ThermalHint};

/// Puts a governor in charge: from now on `nestling_classify` switches by itself, so that 95 of 100 classifications keep
/// within `limit_ms` milliseconds. Where one is in charge already, it gets the new limit.
///
/// Takes a profile of the device first if there is none (`nestling_ensure_profile`). A limit that no child keeps is no
/// error: `nestling_get_governor` says so. `nestling_switch_to` and `nestling_choose` end its charge.
#[unsafe(no_mangle)]
pub extern "C" fn nestling_govern(runtime: *const nestling_runtime, limit_ms: f64) -> nestling_status {
    call(|| find(runtime)?.govern(Millis(limit_ms)))
}

/// Tells the governor the thermal state that the system reports, a `nestling_thermal_hint`; it holds until the next
/// call, also for a governor that comes later.
#[unsafe(no_mangle)]
pub extern "C" fn nestling_set_thermal_hint(runtime: *const nestling_runtime, hint: u32) -> nestling_status {
    call(|| {
        let session = find(runtime)?;
        session.set_thermal_hint(match hint {
            0 => ThermalHint::Unknown,
            1 => ThermalHint::Nominal,
            2 => ThermalHint::Fair,
            3 => ThermalHint::Serious,
            4 => ThermalHint::Critical,
            other => return Err(Fault::argument(format!("{other} is no `nestling_thermal_hint`"))),
        });
        Ok(())
    })
}

/// The `nestling_thermal_hint` of Android's `AThermal_getThermalHeadroom`, where 1.0 is severe throttling.
#[unsafe(no_mangle)]
pub extern "C" fn nestling_thermal_hint_of_headroom(headroom: f32) -> u32 {
    let hint = caught(|| Ok(ThermalHint::from_android_headroom(headroom)));
    match hint.unwrap_or_default() {
        ThermalHint::Unknown => 0,
        ThermalHint::Nominal => 1,
        ThermalHint::Fair => 2,
        ThermalHint::Serious => 3,
        ThermalHint::Critical => 4,
    }
}

/// Writes the governor's limit, its times and its child; `NESTLING_NOT_GOVERNED` if none is in charge.
///
/// # Safety
/// `governor` points to memory for its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nestling_get_governor(
    runtime: *const nestling_runtime,
    governor: *mut nestling_governor,
) -> nestling_status {
    call(|| {
        let session = find(runtime)?;
        check_result(governor, "governor")?;
        let Some(now) = session.governor().map(|governed| governed.governor()) else {
            let text = "no governor is in charge: call `nestling_govern` first";
            return Err(Fault::new(nestling_status::NESTLING_NOT_GOVERNED, text));
        };
        let value = nestling_governor {
            limit_ms: now.limit().0,
            p95_ms: now.p95().map_or(f64::NAN, |time| time.0),
            child: session.index_of(&now.rung().name).unwrap_or(NESTLING_NONE),
            is_too_slow: now.is_too_slow(),
        };
        // SAFETY: the caller keeps the promise above.
        unsafe { write(governor, "governor", value) }
    })
}
