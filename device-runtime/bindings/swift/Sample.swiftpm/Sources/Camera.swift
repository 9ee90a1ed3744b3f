import AVFoundation

/// The back camera: its latest frame is passed on whenever the last one was classified.
final class Camera: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate {
    let capture = AVCaptureSession()
    private let queue = DispatchQueue(label: "nestling.sample.frames")
    private let onFrame: (CVPixelBuffer, Int32) -> Void

    init(onFrame: @escaping (CVPixelBuffer, Int32) -> Void) {
        self.onFrame = onFrame
    }

    /// Starts it, once the user has allowed it.
    func start() async -> Bool {
        guard await AVCaptureDevice.requestAccess(for: .video),
            let device = AVCaptureDevice.default(.builtInWideAngleCamera, for: .video, position: .back),
            let input = try? AVCaptureDeviceInput(device: device),
            capture.canAddInput(input)
        else { return false }
        capture.addInput(input)
        let output = AVCaptureVideoDataOutput()
        output.videoSettings = [
            kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_420YpCbCr8BiPlanarFullRange
        ]
        output.alwaysDiscardsLateVideoFrames = true
        output.setSampleBufferDelegate(self, queue: queue)
        guard capture.canAddOutput(output) else { return false }
        capture.addOutput(output)
        resume()
        return true
    }

    /// Sends frames again.
    func resume() {
        queue.async { self.capture.startRunning() }
    }

    /// Sends no more frames: nothing is classified behind another view.
    func stop() {
        queue.async { self.capture.stopRunning() }
    }

    func captureOutput(
        _ output: AVCaptureOutput, didOutput sample: CMSampleBuffer, from connection: AVCaptureConnection
    ) {
        guard let buffer = CMSampleBufferGetImageBuffer(sample) else { return }
        // The sensor lies on its side: upright in portrait after a quarter turn.
        onFrame(buffer, 90)
    }
}
