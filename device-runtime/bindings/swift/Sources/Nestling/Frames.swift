#if canImport(CoreVideo)
import CoreVideo
import Foundation

extension Runtime {
    /// Classifies a frame of `AVCaptureVideoDataOutput` with the governor's child, or else with the active one.
    ///
    /// Blocks until the answer is there: call it on the camera's queue. No pixel is copied or converted on the processor.
    /// The buffer is BGRA or `420YpCbCr8BiPlanar`; `rotation` is in degrees clockwise, 0 where the connection turns
    /// the frames already.
    public func classify(
        frame: CVPixelBuffer,
        rotation: Int32 = 0,
        isMirrored: Bool = false,
        top: UInt32 = 5
    ) throws -> Answer {
        CVPixelBufferLockBaseAddress(frame, .readOnly)
        defer { CVPixelBufferUnlockBaseAddress(frame, .readOnly) }
        let width = UInt32(CVPixelBufferGetWidth(frame))
        let height = UInt32(CVPixelBufferGetHeight(frame))
        let format = CVPixelBufferGetPixelFormatType(frame)
        switch format {
        case kCVPixelFormatType_32BGRA:
            let layout = PixelLayout(
                width: width, height: height, format: .bgra8,
                stride: UInt32(CVPixelBufferGetBytesPerRow(frame)), rotation: rotation, isMirrored: isMirrored)
            let length = CVPixelBufferGetBytesPerRow(frame) * Int(height)
            let bytes = try borrowed(CVPixelBufferGetBaseAddress(frame), length)
            return try classifyPixels(bytes: bytes, layout: layout, top: top)
        case kCVPixelFormatType_420YpCbCr8BiPlanarFullRange, kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange:
            let isFull = format == kCVPixelFormatType_420YpCbCr8BiPlanarFullRange
            let layout = YuvLayout(
                width: width, height: height,
                lumaStride: UInt32(CVPixelBufferGetBytesPerRowOfPlane(frame, 0)),
                chromaStride: UInt32(CVPixelBufferGetBytesPerRowOfPlane(frame, 1)),
                matrix: matrix(of: frame), range: isFull ? .full : .limited,
                rotation: rotation, isMirrored: isMirrored)
            return try classifyNv12(
                luma: plane(0, of: frame), chroma: plane(1, of: frame), layout: layout, top: top)
        default:
            throw NestlingError.InvalidArgument(
                code: "invalid_argument",
                text: "the frame has pixel format \(format): set BGRA or 420YpCbCr8BiPlanar in videoSettings")
        }
    }
}

/// The bytes of a plane, which are not copied; they are read while the buffer is locked.
private func plane(_ index: Int, of frame: CVPixelBuffer) throws -> Data {
    let length = CVPixelBufferGetBytesPerRowOfPlane(frame, index) * CVPixelBufferGetHeightOfPlane(frame, index)
    return try borrowed(CVPixelBufferGetBaseAddressOfPlane(frame, index), length)
}

private func borrowed(_ address: UnsafeMutableRawPointer?, _ length: Int) throws -> Data {
    guard let address else {
        throw NestlingError.InvalidArgument(
            code: "invalid_argument", text: "the frame has no bytes in memory: use one of AVCaptureVideoDataOutput")
    }
    return Data(bytesNoCopy: address, count: length, deallocator: .none)
}

private func matrix(of frame: CVPixelBuffer) -> YuvMatrix {
    let attached = CVBufferCopyAttachment(frame, kCVImageBufferYCbCrMatrixKey, nil) as? String
    return attached == (kCVImageBufferYCbCrMatrix_ITU_R_709_2 as String) ? .bt709 : .bt601
}
#endif
