#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::profiling::{ChoiceTimer, ProfileOptions, Subject, measure};
use crate::progress::report;
use crate::session::turn::TurnGuard;
use crate::session::{ActiveChild, Runtime};
use crate::{Error, OnProgress, Phase, Progress};
use nestling_bundle::{DeviceProfile, ProfileKey, Stale};
use nestling_core::choosing::{Budget, Candidate, Choice, Outcome, Race, Step, rank, spread_limits};
use nestling_core::governor::{Ladder, Rung};
use nestling_core::image::{Image, PixelFormat};
use nestling_core::latency::{Batches, Moment};
use nestling_core::metrics::{Millis, Quantile};
use nestling_core::space::{Child, ChildEntry};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Children that are timed first where other devices are known.
const FEW: usize = 3;
/// The factor by which a budget grows when it no longer fits.
const WIDER: f64 = 1.2;
/// The number of times that it may grow.
const ATTEMPTS: usize = 4;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runtime {
    /// Measures this device: informative children of the space whole, to which the latency model is fitted; then
    /// shipped children whole, and layers, for reports.
    ///
    /// The result is what [`Runtime::choose`] reads from then on; save it, and give it to [`Runtime::use_profile`] at
    /// the next start. Other threads should not classify meanwhile: they would be measured too.
    ///
    /// # Errors
    /// [`Error`] if the GPU fails.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn profile(&self, options: &ProfileOptions<'_>) -> Result<Arc<DeviceProfile>, Error> {
        block_on(self.profile_async(options))
    }

    /// As [`Runtime::profile`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::profile`].
    pub async fn profile_async(&self, options: &ProfileOptions<'_>) -> Result<Arc<DeviceProfile>, Error> {
        let turn = self.turn.take("a measurement")?;
        self.measure_profile(options, &turn).await
    }

    /// Takes a profile that was measured before.
    ///
    /// # Errors
    /// [`Error::StaleProfile`] if it was measured on another device, with another network, with other
    /// kernels or tiles, or with larger images.
    pub fn use_profile(&self, profile: DeviceProfile) -> Result<(), Error> {
        if let Some(stale) = self.staleness_of(&profile) {
            return Err(stale.into());
        }
        *lock(&self.profile) = Some(Arc::new(profile));
        Ok(())
    }

    /// The key that a profile must have to hold for this runtime.
    pub fn profile_key(&self) -> ProfileKey {
        ProfileKey {
            device: self.device.clone(),
            network: self.network,
            kernels: nestling_shaders::fingerprint(),
            tiles: self.supernet.tiles(),
            image_side: self.image_side,
        }
    }

    /// Why a profile does not hold for this runtime; `None` if it is fresh.
    pub fn staleness_of(&self, profile: &DeviceProfile) -> Option<Stale> {
        profile.staleness(&self.profile_key())
    }

    /// The profile in use; measured first if there is none.
    ///
    /// # Errors
    /// As [`Runtime::profile`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn ensure_profile(&self) -> Result<Arc<DeviceProfile>, Error> {
        block_on(self.ensure_profile_async())
    }

    /// As [`Runtime::ensure_profile`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::profile`].
    pub async fn ensure_profile_async(&self) -> Result<Arc<DeviceProfile>, Error> {
        self.ensure_profile_with_async(None).await
    }

    /// As [`Runtime::ensure_profile`], and reports how far a measurement is.
    ///
    /// # Errors
    /// As [`Runtime::profile`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn ensure_profile_with(&self, progress: OnProgress<'_>) -> Result<Arc<DeviceProfile>, Error> {
        block_on(self.ensure_profile_with_async(Some(progress)))
    }

    /// As [`Runtime::ensure_profile_with`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::profile`].
    pub async fn ensure_profile_with_async(
        &self,
        progress: Option<OnProgress<'_>>,
    ) -> Result<Arc<DeviceProfile>, Error> {
        match self.current_profile() {
            Some(profile) => Ok(profile),
            None => self.known_profile(&self.turn.take("a measurement")?, progress).await,
        }
    }

    /// The profile in use, measured or given.
    pub fn current_profile(&self) -> Option<Arc<DeviceProfile>> {
        lock(&self.profile).clone()
    }

    /// The most accurate shipped child that keeps within a budget on this device; it becomes the active one. Untrained
    /// children are passed over unless [`RuntimeOptions::untrained`](super::RuntimeOptions::untrained) is set.
    ///
    /// Children are predicted from the profile and the speed of this moment. Those that may keep the budget are then timed
    /// whole, in turns, and the most accurate one whose runs and prediction keep it is taken. Each measurement refines the
    /// prediction of the others. Accuracy is that on held-out images. If there is no profile,
    /// one is measured first: about two seconds, or three children where the bundle knows other devices.
    ///
    /// # Errors
    /// [`Error::BelowFastest`] names the fastest child and its time; the active child stays.
    /// [`Error::InvalidBudget`] if the budget is not positive, [`Error`] if the GPU fails.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn choose(&self, budget: Budget) -> Result<Choice, Error> {
        block_on(self.choose_async(budget, None))
    }

    /// As [`Runtime::choose`], without blocking. Dropping the future leaves the active child as it was.
    ///
    /// # Errors
    /// As [`Runtime::choose`].
    pub async fn choose_async(&self, budget: Budget, progress: Option<OnProgress<'_>>) -> Result<Choice, Error> {
        let turn = self.turn.take("a choice")?;
        self.choose_in_turn(budget, progress, &turn).await
    }

    pub(super) async fn choose_in_turn(
        &self,
        budget: Budget,
        progress: Option<OnProgress<'_>>,
        turn: &TurnGuard<'_>,
    ) -> Result<Choice, Error> {
        if !(budget.limit.0 > 0.0 && budget.limit.0.is_finite()) {
            return Err(Error::InvalidBudget { budget });
        }
        let profile = self.known_profile(turn, progress).await?;
        let mut timer = ChoiceTimer::new(&self.supernet, self.probe_image(), &profile).await?;
        let moment = timer.moment().await?;
        let ranked = self.rank(&profile, &moment, budget.quantile);
        let outcome = self.race(&ranked, &mut timer, (budget, profile.room()), progress).await;
        // A failure in the midst of it keeps the times that it had.
        self.refine(&profile, &timer.timed());
        match outcome? {
            Outcome::Keeps { index, latency, passed_over } => {
                let switched_in = self.switch_to(&ranked[index])?;
                let choice = Choice::new(ranked, index, budget, latency, passed_over)
                    .with_switch_time(switched_in)
                    .with_load(moment.load());
                #[cfg(not(target_arch = "wasm32"))]
                let choice = choice.with_replaced(self.replaced().iter().map(ToString::to_string).collect());
                Ok(choice)
            }
            Outcome::TooTight { index, latency } => {
                let fastest = ranked[index].entry.name.clone();
                Err(Error::BelowFastest { budget, fastest, measured: latency })
            }
        }
    }

    /// Times candidates until the [`Race`] is decided.
    async fn race(
        &self,
        ranked: &[Candidate],
        timer: &mut ChoiceTimer<'_>,
        (budget, room): (Budget, f64),
        progress: Option<OnProgress<'_>>,
    ) -> Result<Outcome, Error> {
        let mut race = Race::new(ranked, budget, room);
        loop {
            match race.step() {
                Step::Time(index) => {
                    // The number of measurements is not known before; a few are usual.
                    let fraction = 1.0 - 0.5_f64.powi(race.looks() as i32);
                    report(progress, Progress { fraction, phase: Phase::Choosing }).await;
                    let candidate = &ranked[index];
                    let prepared = self.prepared(&candidate.entry.name)?;
                    race.saw(index, &timer.time(prepared, candidate.predicted()).await?);
                }
                Step::Done(outcome) => {
                    if let Some(progress) = progress {
                        progress(Progress { fraction: 1.0, phase: Phase::Choosing });
                    }
                    return Ok(outcome);
                }
            }
        }
    }

    /// Up to `count` budgets between the fastest and the slowest child on this device, each meant for another child.
    ///
    /// # Errors
    /// [`Error`] if there is no profile yet and measuring one fails.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn typical_budgets(&self, count: usize, quantile: Quantile) -> Result<Vec<Budget>, Error> {
        block_on(self.typical_budgets_async(count, quantile))
    }

    /// As [`Runtime::typical_budgets`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::typical_budgets`].
    pub async fn typical_budgets_async(&self, count: usize, quantile: Quantile) -> Result<Vec<Budget>, Error> {
        Ok(self.spread_budgets(&*self.ensure_profile_async().await?, count, quantile))
    }

    fn spread_budgets(&self, profile: &DeviceProfile, count: usize, quantile: Quantile) -> Vec<Budget> {
        let ranked = self.rank(profile, &profile.moment(), quantile);
        let time = |candidate: &Candidate| match profile.child(&candidate.entry.name) {
            Some(times) => times.latency().at(quantile),
            None => candidate.expected(quantile),
        };
        let children: Vec<(f64, Millis)> = ranked.iter().map(|one| (one.accuracy(), time(one))).collect();
        spread_limits(&children, count).into_iter().map(|limit| Budget { limit, quantile }).collect()
    }

    /// Up to `count` choices for typical budgets, each another child if their times differ enough: a first overview of
    /// a device.
    ///
    /// Other work on the device may have grown since it was profiled: a budget that no longer fits is widened.
    ///
    /// # Errors
    /// As [`Runtime::choose`], if the times of the device vary too much.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn choose_spread(&self, count: usize, quantile: Quantile) -> Result<Vec<Choice>, Error> {
        block_on(self.choose_spread_async(count, quantile))
    }

    /// As [`Runtime::choose_spread`], without blocking. Dropping the future leaves the child of the last choice that it
    /// had made active.
    ///
    /// # Errors
    /// As [`Runtime::choose_spread`].
    pub async fn choose_spread_async(&self, count: usize, quantile: Quantile) -> Result<Vec<Choice>, Error> {
        let mut choices: Vec<Choice> = Vec::new();
        for mut budget in self.typical_budgets_async(count, quantile).await? {
            let before = choices.last().map_or(0.0, |choice| choice.budget().limit.0);
            budget.limit.0 = budget.limit.0.max(before * WIDER);
            for attempt in 0..=ATTEMPTS {
                let is_new = |choice: &Choice| choices.iter().all(|other| other.entry().name != choice.entry().name);
                match self.choose_async(budget, None).await {
                    Ok(choice) if attempt == ATTEMPTS || is_new(&choice) => {
                        choices.push(choice);
                        break;
                    }
                    Ok(_) => budget.limit.0 *= WIDER,
                    Err(Error::BelowFastest { measured, .. }) if attempt < ATTEMPTS => {
                        budget.limit.0 = measured.at(quantile).0 * WIDER;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(choices)
    }

    /// The shipped children that may answer and that no other dominates, as a governor steps among them.
    pub(super) async fn ladder(&self) -> Result<Ladder, Error> {
        let profile = self.ensure_profile_async().await?;
        let rung = |one: &Candidate| Rung {
            name: one.entry.name.clone(),
            predicted: profile.likely_time(&one.entry.name, one.predicted()),
            accuracy: one.accuracy(),
        };
        Ok(Ladder::pareto(self.rank(&profile, &profile.moment(), Quantile::P95).iter().map(rung))?)
    }

    /// Times a child that does not ship, and takes its time into the profile; returns its runs.
    pub(super) async fn time_and_learn(
        &self,
        child: &Child,
        predicted: Millis,
        turn: &TurnGuard<'_>,
    ) -> Result<Vec<Millis>, Error> {
        let profile = self.known_profile(turn, None).await?;
        let child = self.supernet.prepare_to_time(&self.space().lower(child)?).await?;
        let mut timer = ChoiceTimer::new(&self.supernet, self.probe_image(), &profile).await?;
        let runs = timer.time(&child, predicted).await?;
        self.refine(&profile, &timer.timed());
        Ok(runs)
    }

    /// The speed of the device now.
    pub(super) async fn moment(&self, turn: &TurnGuard<'_>) -> Result<Moment, Error> {
        let profile = self.known_profile(turn, None).await?;
        ChoiceTimer::new(&self.supernet, self.probe_image(), &profile).await?.moment().await
    }

    pub(super) async fn known_profile(
        &self,
        turn: &TurnGuard<'_>,
        progress: Option<OnProgress<'_>>,
    ) -> Result<Arc<DeviceProfile>, Error> {
        match self.current_profile() {
            Some(profile) => Ok(profile),
            // Another device's coefficients, scaled: three children are enough to begin with.
            None if !self.tables.is_empty() => {
                let few = ProfileOptions { time: Duration::ZERO, children: FEW, progress, ..ProfileOptions::default() };
                self.measure_profile(&few, turn).await
            }
            None => self.measure_profile(&ProfileOptions { progress, ..ProfileOptions::default() }, turn).await,
        }
    }

    /// `_turn` proves that nobody else measures.
    async fn measure_profile(
        &self,
        options: &ProfileOptions<'_>,
        _turn: &TurnGuard<'_>,
    ) -> Result<Arc<DeviceProfile>, Error> {
        // A child that may never be chosen need not be timed.
        let subjects: Vec<Subject<'_>> =
            (self.usable()).map(|(entry, active)| Subject { name: &entry.name, prepared: active.prepared() }).collect();
        let device = self.device.clone();
        let measured = measure(&self.supernet, &subjects, &self.probe_image(), device, &self.tables, options).await?;
        #[allow(unused_mut, reason = "in a browser nothing is replaced")]
        let mut profile = DeviceProfile::new(&self.profile_key(), measured);
        #[cfg(not(target_arch = "wasm32"))]
        {
            profile.replaced = self.replaced().iter().map(ToString::to_string).collect();
        }
        let profile = Arc::new(profile);
        *lock(&self.profile) = Some(Arc::clone(&profile));
        Ok(profile)
    }

    /// Takes what was timed into the profile in use.
    fn refine(&self, profile: &Arc<DeviceProfile>, timed: &[(Child, Batches)]) {
        let mut current = lock(&self.profile);
        // A profile that was given meanwhile stays: it is newer.
        if !timed.is_empty() && current.as_ref().is_some_and(|current| Arc::ptr_eq(current, profile)) {
            *current = Some(Arc::new(profile.refined(self.space(), &self.tables, timed)));
        }
    }

    /// The shipped children that have arrived and may answer, the most accurate first, as they are predicted at this
    /// moment.
    fn rank(&self, profile: &DeviceProfile, moment: &Moment, quantile: Quantile) -> Arc<[Candidate]> {
        let candidate = |(entry, active): (&ChildEntry, &ActiveChild)| {
            let calm = profile.table.predict(active.prepared().network());
            let (times, interval) = (moment.times(calm).into(), profile.interval(moment, calm, quantile));
            Candidate { entry: entry.clone(), times, interval }
        };
        let mut ranked: Vec<Candidate> = self.usable().map(candidate).collect();
        rank(&mut ranked);
        ranked.into()
    }

    /// The image that times are measured with, as large as the app's: its upload and resize are part of a child's time.
    pub fn probe_image(&self) -> Image<'_> {
        Image::of_checked(self.image_side, self.image_side, self.image_format, &self.probe_image)
    }

    pub(super) fn format_for(input_channels: u32) -> PixelFormat {
        if input_channels == 1 { PixelFormat::Grey8 } else { PixelFormat::Rgba8 }
    }
}
