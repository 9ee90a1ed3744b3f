import Nestling
import SwiftUI

/// Measures this device, writes its profile into the app's documents and lists the children.
struct BenchmarkView: View {
    @State private var rows: [Child] = []
    @State private var message = ""
    @State private var isMeasuring = false

    var body: some View {
        VStack(alignment: .leading) {
            Button("Measure this device") { Task { await measure() } }
                .disabled(isMeasuring)
            Text(message).font(.footnote)
            List(rows, id: \.name) { child in
                VStack(alignment: .leading) {
                    Text(child.name)
                    Text(times(child)).font(.footnote)
                }
            }
        }
        .padding()
    }

    private func times(_ child: Child) -> String {
        let predicted = child.predictedMs.map { String(format: "predicted %.2f ms", $0) } ?? ""
        let measured = child.measured.map { String(format: ", p50 %.2f ms, p95 %.2f ms", $0.p50, $0.p95) } ?? ""
        return predicted + measured
    }

    @MainActor
    private func measure() async {
        isMeasuring = true
        defer { isMeasuring = false }
        guard let bundle = bundlePath() else {
            message = "copy a bundle to Resources/app.nestling"
            return
        }
        do {
            let documents = FileManager.default.urls(for: .documentDirectory, in: .userDomainMask)[0]
            let path = documents.appendingPathComponent("device.profile.json").path
            rows = try await benchmark(bundle: bundle, profilePath: path)
            message = "wrote \(path)"
        } catch let error as NestlingError {
            message = "\(error.text) (\(error.code))"
        } catch {
            message = String(describing: error)
        }
    }
}

/// Measures the device. Not on the main actor, because the end of the runtime may wait for the GPU.
private func benchmark(bundle: String, profilePath: String) async throws -> [Child] {
    let runtime = try await Runtime.open(path: bundle)
    _ = try await cancellable { cancellation in
        try await runtime.profile(path: profilePath, cancellation: cancellation)
    }
    return try runtime.children()
}
