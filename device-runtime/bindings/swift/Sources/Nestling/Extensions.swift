import Foundation

extension NestlingError {
    /// Stable name of the kind of error, the same in every language of the SDK, such as `bundle_damaged`.
    public var code: String { facts.code }

    /// Says what was wrong, where, and what to do.
    public var text: String { facts.text }

    private var facts: (code: String, text: String) {
        switch self {
        case .Gpu(let code, let text): return (code, text)
        case .DeviceLost(let code, let text): return (code, text)
        case .Bundle(let code, let text): return (code, text)
        case .Profile(let code, let text): return (code, text)
        case .ProfileNotStored(let code, let text): return (code, text)
        case .Busy(let code, let text): return (code, text)
        case .BelowFastest(let code, let text, _, _, _): return (code, text)
        case .InvalidBudget(let code, let text): return (code, text)
        case .UnknownChild(let code, let text, _): return (code, text)
        case .ImageTooLarge(let code, let text, _, _): return (code, text)
        case .Image(let code, let text): return (code, text)
        case .Picture(let code, let text): return (code, text)
        case .InvalidArgument(let code, let text): return (code, text)
        case .NotGoverned(let code, let text): return (code, text)
        case .Cancelled(let code, let text): return (code, text)
        case .Listener(let code, let text): return (code, text)
        case .Panic(let code, let text): return (code, text)
        case .Other(let code, let text): return (code, text)
        }
    }
}

/// A progress listener that calls a closure. An error that the closure throws ends the call.
public final class OnProgress: ProgressListener {
    private let block: @Sendable (CallProgress) throws -> Void

    public init(_ block: @escaping @Sendable (CallProgress) throws -> Void) {
        self.block = block
    }

    public func onProgress(progress: CallProgress) throws {
        do {
            try block(progress)
        } catch let error as NestlingError {
            throw error
        } catch {
            throw NestlingError.Listener(code: "listener", text: String(describing: error))
        }
    }
}

/// A listener of a governor's steps that calls a closure.
public final class OnGovernorEvent: GovernorListener {
    private let block: @Sendable (GovernorEvent) -> Void

    public init(_ block: @escaping @Sendable (GovernorEvent) -> Void) {
        self.block = block
    }

    public func onEvent(event: GovernorEvent) throws {
        block(event)
    }
}

/// Ends a call when its task is cancelled: UniFFI's own async functions go on. The call must take the cancellation that
/// it is given.
public func cancellable<T>(_ call: (Cancellation) async throws -> T) async throws -> T {
    let cancellation = Cancellation()
    return try await withTaskCancellationHandler {
        try await call(cancellation)
    } onCancel: {
        cancellation.cancel()
    }
}
