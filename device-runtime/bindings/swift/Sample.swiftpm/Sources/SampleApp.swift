import SwiftUI

@main
struct SampleApp: App {
    @StateObject private var session = LiveSession()

    var body: some Scene {
        WindowGroup {
            TabView {
                LiveView(session: session)
                    .tabItem { Label("Camera", systemImage: "camera") }
                BenchmarkView()
                    .tabItem { Label("Benchmark", systemImage: "timer") }
            }
        }
    }
}
