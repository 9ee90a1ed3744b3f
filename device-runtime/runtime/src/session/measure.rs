use crate::profiling::{ChoiceTimer, ProfileOptions, Subject, measure};
use crate::session::{ChooseError, Runtime, RuntimeError};
use nestling_bundle::{DeviceProfile, ProfileKey, Stale};
use nestling_core::choosing::{Budget, Candidate, Choice, Outcome, explain, rank, spread_limits, walk};
use nestling_core::governor::{Ladder, Rung};
use nestling_core::image::{Image, PixelFormat};
use nestling_core::latency::Batches;
use nestling_core::metrics::{Latency, Millis, Quantile};
use nestling_core::space::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Children that are timed first where other devices are known.
const FEW: usize = 3;
/// How much a budget grows when it no longer fits.
const WIDER: f64 = 1.2;
/// How often it does.
const ATTEMPTS: usize = 4;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runtime {
    /// Measures this device: informative children of the space whole, to which the latency fit is fitted; then shipped
    /// children whole, and layers, for reports.
    ///
    /// The result is what [`Runtime::choose`] reads from then on; save it, and give it to [`Runtime::use_profile`] at
    /// the next start. Other threads should not classify meanwhile: they would be measured too.
    ///
    /// # Errors
    /// [`RuntimeError::Engine`] if the GPU fails.
    pub fn profile(&self, options: &ProfileOptions<'_>) -> Result<Arc<DeviceProfile>, RuntimeError> {
        let turn = lock(&self.measuring);
        self.measure_profile(options, &turn)
    }

    /// Takes a profile that was measured before.
    ///
    /// # Errors
    /// [`RuntimeError::StaleProfile`] if it was measured on another device, with another bundle, by another version of
    /// this crate or with images of another size.
    pub fn use_profile(&self, profile: DeviceProfile) -> Result<(), RuntimeError> {
        if let Some(stale) = self.staleness_of(&profile) {
            return Err(stale.into());
        }
        *lock(&self.profile) = Some(Arc::new(profile));
        Ok(())
    }

    /// What a profile must have been measured with to hold for this runtime.
    pub fn profile_key(&self) -> ProfileKey {
        ProfileKey {
            device: self.device.clone(),
            network: self.network,
            kernels: nestling_shaders::fingerprint(),
            tiles: self.supernet.tiles(),
            image_side: self.image_side,
        }
    }

    /// Why a profile says nothing about this runtime; `None` if it is fresh.
    pub fn staleness_of(&self, profile: &DeviceProfile) -> Option<Stale> {
        profile.is_stale_for(&self.profile_key())
    }

    /// The profile in use; measured first if there is none.
    ///
    /// # Errors
    /// [`RuntimeError::Engine`] if the GPU fails.
    pub fn ensure_profile(&self) -> Result<Arc<DeviceProfile>, RuntimeError> {
        self.known_profile(&lock(&self.measuring))
    }

    /// The profile in use, measured or given.
    pub fn current_profile(&self) -> Option<Arc<DeviceProfile>> {
        lock(&self.profile).clone()
    }

    /// The most accurate shipped child that keeps within a budget on this device; it becomes the active one. Untrained
    /// children are passed over unless [`RuntimeOptions::untrained`](super::RuntimeOptions::untrained) is set.
    ///
    /// A child is predicted from the profile (which is measured first if there is none: about two seconds, or three
    /// children where the bundle knows other devices) at the device's pace of this moment, then timed whole; if the budget
    /// does not hold, the next less accurate and faster one is tried, and if there is clear room, the next better one. What is timed refines the
    /// prediction of the others. Accuracy is that on held-out images.
    ///
    /// # Errors
    /// [`ChooseError::BelowFastest`] names the fastest child and its time; the active child stays.
    /// [`ChooseError::NoDuration`] if the budget is not positive, [`ChooseError::Runtime`] if the GPU fails.
    pub fn choose(&self, budget: Budget) -> Result<Choice, ChooseError> {
        if !(budget.limit.0 > 0.0 && budget.limit.0.is_finite()) {
            return Err(ChooseError::NoDuration { budget });
        }
        let turn = lock(&self.measuring);
        let profile = self.known_profile(&turn)?;
        let mut check = ChoiceTimer::new(&self.supernet, self.probe_image()?, &profile)?;
        let ranked = self.rank(&profile, check.pace()?);
        let outcome = walk(&ranked, profile.table.spread, budget, |index| {
            let Candidate { entry, predicted } = &ranked[index];
            Ok::<_, RuntimeError>(check.time(self.shipped(&entry.name)?.active.prepared(), *predicted)?)
        });
        let timed = check.timed();
        self.refine(&profile, &timed);
        match outcome? {
            Outcome::Holds { index, latency, passed_over } => {
                let why = explain(&ranked, index, budget, passed_over);
                let switched_in = self.switch_to(&ranked[index])?;
                Ok(Choice { budget, index, ranked, measured: latency, switched_in, why })
            }
            Outcome::TooTight { index, latency } => {
                let fastest = ranked[index].entry.name.clone();
                Err(ChooseError::BelowFastest { budget, fastest, measured: latency })
            }
        }
    }

    /// Up to `count` budgets between the fastest and the slowest child on this device, each meant for another child.
    ///
    /// # Errors
    /// [`RuntimeError::Engine`] if there is no profile yet and measuring one fails.
    pub fn typical_budgets(&self, count: usize, quantile: Quantile) -> Result<Vec<Budget>, RuntimeError> {
        let profile = self.known_profile(&lock(&self.measuring))?;
        let ranked = self.rank(&profile, 1.0);
        let factor = profile.table.spread.at(quantile);
        let time = |candidate: &Candidate| match profile.child(&candidate.entry.name) {
            Some(times) => times.latency().at(quantile),
            None => Millis(candidate.predicted.0 * factor),
        };
        let children: Vec<(f64, Millis)> = ranked.iter().map(|one| (one.accuracy(), time(one))).collect();
        Ok(spread_limits(&children, count).into_iter().map(|limit| Budget { limit, quantile }).collect())
    }

    /// Up to `count` choices for typical budgets, each another child where the device can tell them apart: what to show
    /// of a device that nobody has asked anything of yet.
    ///
    /// Other work on the device may have grown since it was profiled: a budget that no longer fits is widened.
    ///
    /// # Errors
    /// As [`Runtime::choose`], if the device stays too restless.
    pub fn choose_spread(&self, count: usize, quantile: Quantile) -> Result<Vec<Choice>, ChooseError> {
        let mut choices: Vec<Choice> = Vec::new();
        for mut budget in self.typical_budgets(count, quantile)? {
            let before = choices.last().map_or(0.0, |choice| choice.budget.limit.0);
            budget.limit.0 = budget.limit.0.max(before * WIDER);
            for attempt in 0..=ATTEMPTS {
                match self.choose(budget) {
                    Ok(choice) if attempt == ATTEMPTS || choices.iter().all(|other| other.index != choice.index) => {
                        choices.push(choice);
                        break;
                    }
                    Ok(_) => budget.limit.0 *= WIDER,
                    Err(ChooseError::BelowFastest { measured, .. }) if attempt < ATTEMPTS => {
                        budget.limit.0 = measured.at(quantile).0 * WIDER;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(choices)
    }

    /// The shipped children that may answer and that none beats, as a governor steps among them.
    pub(super) fn ladder(&self) -> Result<Ladder, ChooseError> {
        let profile = self.known_profile(&lock(&self.measuring))?;
        let rung = |one: &Candidate| Rung {
            name: one.entry.name.clone(),
            predicted: profile.likely_time(&one.entry.name, one.predicted),
            accuracy: one.accuracy(),
        };
        Ok(Ladder::pareto(self.rank(&profile, 1.0).iter().map(rung))?)
    }

    /// Times a child that does not ship, and takes its time into the profile.
    pub(super) fn time_and_learn(&self, child: &Child, predicted: Millis) -> Result<Latency, RuntimeError> {
        let turn = lock(&self.measuring);
        let profile = self.known_profile(&turn)?;
        let child = self.supernet.prepare_to_time(&self.space().lower(child)?)?;
        let mut check = ChoiceTimer::new(&self.supernet, self.probe_image()?, &profile)?;
        let latency = check.time(&child, predicted)?;
        let timed = check.timed();
        self.refine(&profile, &timed);
        Ok(latency)
    }

    /// How slow the device is now: what a reference takes, over what it took while the device was profiled.
    pub(super) fn pace(&self) -> Result<f64, RuntimeError> {
        let turn = lock(&self.measuring);
        Ok(ChoiceTimer::new(&self.supernet, self.probe_image()?, &*self.known_profile(&turn)?)?.pace()?)
    }

    pub(super) fn known_profile(&self, turn: &MutexGuard<'_, ()>) -> Result<Arc<DeviceProfile>, RuntimeError> {
        match self.current_profile() {
            Some(profile) => Ok(profile),
            // Another device's prices, scaled: three children are enough to begin with.
            None if !self.tables.is_empty() => {
                let few = ProfileOptions { time: Duration::ZERO, children: FEW, progress: None };
                self.measure_profile(&few, turn)
            }
            None => self.measure_profile(&ProfileOptions::default(), turn),
        }
    }

    /// `_turn` proves that nobody else measures.
    fn measure_profile(
        &self,
        options: &ProfileOptions<'_>,
        _turn: &MutexGuard<'_, ()>,
    ) -> Result<Arc<DeviceProfile>, RuntimeError> {
        // What may never be chosen need not be timed.
        let subjects: Vec<Subject<'_>> = (self.shipped.iter().filter(|one| self.may_answer(&one.entry.child)))
            .map(|one| Subject { name: &one.entry.name, prepared: one.active.prepared() })
            .collect();
        let device = self.device.clone();
        let measured = measure(&self.supernet, &subjects, &self.probe_image()?, device, &self.tables, options)?;
        let profile = Arc::new(DeviceProfile::new(&self.profile_key(), measured));
        *lock(&self.profile) = Some(Arc::clone(&profile));
        Ok(profile)
    }

    /// Takes what was timed into the profile in use.
    fn refine(&self, profile: &Arc<DeviceProfile>, timed: &[(Child, Batches)]) {
        let mut current = lock(&self.profile);
        // Whoever gave another profile meanwhile knows better.
        if !timed.is_empty() && current.as_ref().is_some_and(|current| Arc::ptr_eq(current, profile)) {
            *current = Some(Arc::new(profile.refined(self.space(), &self.tables, timed)));
        }
    }

    /// The shipped children that may answer, the most accurate first, as they are predicted at this pace.
    fn rank(&self, profile: &DeviceProfile, pace: f64) -> Arc<[Candidate]> {
        let predict = |network| Millis(pace * profile.table.predict(network).0);
        let mut ranked: Vec<Candidate> = (self.shipped.iter().filter(|one| self.may_answer(&one.entry.child)))
            .map(|one| Candidate { entry: one.entry.clone(), predicted: predict(one.active.prepared().network()) })
            .collect();
        rank(&mut ranked);
        ranked.into()
    }

    /// The image that times are measured with, of the size that the app will pass: its upload and resize are part of a
    /// child's time.
    ///
    /// # Errors
    /// None in practice: the size was checked when the runtime was made.
    pub fn probe_image(&self) -> Result<Image<'_>, RuntimeError> {
        Ok(Image::new(self.image_side, self.image_side, self.image_format, &self.probe_image)?)
    }

    pub(super) fn format_for(input_channels: u32) -> PixelFormat {
        if input_channels == 1 { PixelFormat::Grey8 } else { PixelFormat::Rgba8 }
    }
}
