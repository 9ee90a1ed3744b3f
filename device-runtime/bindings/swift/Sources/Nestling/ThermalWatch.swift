#if os(iOS)
import Foundation

/// Passes the system's thermal state on to the governor of a runtime, for as long as it is kept.
public final class ThermalWatch {
    private let observer: NSObjectProtocol

    public init(_ runtime: Runtime) {
        let pass: @Sendable () -> Void = {
            let state = Int32(ProcessInfo.processInfo.thermalState.rawValue)
            runtime.setThermalHint(hint: thermalHintOfIosState(state: state))
        }
        observer = NotificationCenter.default.addObserver(
            forName: ProcessInfo.thermalStateDidChangeNotification, object: nil, queue: nil
        ) { _ in pass() }
        pass()
    }

    deinit {
        NotificationCenter.default.removeObserver(observer)
    }
}
#endif
