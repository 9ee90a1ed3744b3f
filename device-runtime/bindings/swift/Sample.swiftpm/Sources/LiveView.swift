import AVFoundation
import SwiftUI

/// The camera, the answer, the live child and the slider of the budget.
struct LiveView: View {
    @ObservedObject var session: LiveSession
    @State private var budgetMs = 16.0
    @State private var camera: Camera?

    var body: some View {
        VStack(alignment: .leading, spacing: 12) {
            if let camera {
                Preview(capture: camera.capture)
            } else {
                Color.black
            }
            Text(session.answer).font(.title)
            Text(session.child)
            Text(session.message).font(.footnote)
            Text("budget \(Int(budgetMs)) ms")
            Slider(value: $budgetMs, in: 1...100) { isMoving in
                if !isMoving { session.setBudget(budgetMs) }
            }
        }
        .padding()
        .onDisappear {
            camera?.stop()
            Task { await session.stop() }
        }
        .task {
            session.setBudget(budgetMs)
            await session.start()
            if let camera {
                camera.resume()
                return
            }
            let camera = Camera { [session] buffer, rotation in session.frame(buffer, rotation: rotation) }
            if await camera.start() { self.camera = camera }
        }
    }
}

/// The picture of the camera.
private struct Preview: UIViewRepresentable {
    let capture: AVCaptureSession

    func makeUIView(context: Context) -> PreviewView {
        let view = PreviewView()
        view.preview?.session = capture
        view.preview?.videoGravity = .resizeAspectFill
        return view
    }

    func updateUIView(_ view: PreviewView, context: Context) {}
}

private final class PreviewView: UIView {
    override class var layerClass: AnyClass { AVCaptureVideoPreviewLayer.self }

    var preview: AVCaptureVideoPreviewLayer? { layer as? AVCaptureVideoPreviewLayer }
}
