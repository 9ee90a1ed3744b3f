import Combine
import CoreVideo
import Foundation
import Nestling

/// Classifies frames under a budget.
final class LiveSession: ObservableObject, @unchecked Sendable {
    /// The lines of the screen; changed on the main thread.
    @Published var answer = ""
    @Published var child = ""
    @Published var message = ""

    /// Guards the runtime, which the camera's queue reads.
    private let lock = NSLock()
    private var opened: Runtime?
    private var thermal: ThermalWatch?
    private var budgetMs = 16.0

    /// Opens the bundle at the first time, measures the device unless its file knows it, and puts a governor in charge.
    func start() async {
        guard let bundle = bundlePath() else {
            tell("copy a bundle to Resources/app.nestling")
            return
        }
        do {
            let runtime = try await runtime() ?? Runtime.open(path: bundle)
            // The runtime keeps its listeners: one that kept this session would keep both for ever.
            let progress = OnProgress { [weak self] progress in
                self?.tell("measuring this device: \(Int(100 * progress.fraction)) %")
            }
            _ = try await cancellable { cancellation in
                try await runtime.profile(path: profilePath(), progress: progress, cancellation: cancellation)
            }
            let events = OnGovernorEvent { [weak self] event in self?.tell(words(event)) }
            _ = try await runtime.govern(limitMs: budget(), listener: events)
            keep(runtime)
            // The slider may have moved meanwhile.
            setBudget(budget())
        } catch let error as NestlingError {
            tell("\(error.text) (\(error.code))")
        } catch {
            tell(String(describing: error))
        }
    }

    /// The slider moved; until the governor is in charge, the budget waits for it.
    func setBudget(_ budgetMs: Double) {
        lock.lock()
        self.budgetMs = budgetMs
        lock.unlock()
        guard isGoverned(), let runtime = runtime() else { return }
        do {
            try runtime.setBudget(limitMs: budgetMs)
            tell("budget of \(budgetMs) ms")
        } catch let error as NestlingError {
            tell("\(error.text) (\(error.code))")
        } catch {
            tell(String(describing: error))
        }
    }

    /// A frame came; called on the camera's queue.
    func frame(_ buffer: CVPixelBuffer, rotation: Int32) {
        guard let runtime = runtime() else { return }
        do {
            let answer = try runtime.classify(frame: buffer, rotation: rotation, top: 1)
            let (label, percent) = (answer.label, Int(100 * answer.probability))
            let (child, time) = (answer.child ?? "", String(format: "%.1f ms", answer.milliseconds))
            DispatchQueue.main.async {
                self.answer = "\(label) \(percent) %"
                self.child = "\(child), \(time)"
            }
        } catch let error as NestlingError {
            tell("\(error.text) (\(error.code))")
        } catch {
            tell(String(describing: error))
        }
    }

    /// Stores what choices have learned, and ends the governor's charge until the next start.
    func stop() async {
        guard isGoverned(), let runtime = runtime() else { return }
        watchHeat(nil)
        do {
            _ = try await runtime.profile(path: profilePath())
            runtime.stopGoverning()
        } catch let error as NestlingError {
            tell("\(error.text) (\(error.code))")
        } catch {
            tell(String(describing: error))
        }
    }

    private func budget() -> Double {
        lock.lock()
        defer { lock.unlock() }
        return budgetMs
    }

    private func runtime() -> Runtime? {
        lock.lock()
        defer { lock.unlock() }
        return opened
    }

    private func isGoverned() -> Bool {
        lock.lock()
        defer { lock.unlock() }
        return thermal != nil
    }

    private func keep(_ runtime: Runtime) {
        lock.lock()
        opened = runtime
        lock.unlock()
        watchHeat(ThermalWatch(runtime))
    }

    private func watchHeat(_ watch: ThermalWatch?) {
        lock.lock()
        defer { lock.unlock() }
        thermal = watch
    }

    private func tell(_ words: String) {
        DispatchQueue.main.async { self.message = words }
    }
}

/// The app's bundle file.
func bundlePath() -> String? {
    Foundation.Bundle.module.path(forResource: "app", ofType: "nestling", inDirectory: "Resources")
}

/// The file of this device's profile.
func profilePath() -> String {
    folder("Application Support") + "/device.profile.json"
}

/// A folder of the app; made if missing.
private func folder(_ name: String) -> String {
    let library = FileManager.default.urls(for: .libraryDirectory, in: .userDomainMask)[0]
    let folder = library.appendingPathComponent(name)
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder.path
}

private func words(_ event: GovernorEvent) -> String {
    switch event {
    case .stepDown(let child, let reason): return "down to \(child): \(reason)"
    case .stepUp(let child): return "up to \(child)"
    case .tooSlow(let child): return "even \(child) is too slow for this budget"
    case .recovered(let child): return "\(child) keeps the budget again"
    }
}
