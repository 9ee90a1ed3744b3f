package nestling.sample

import android.os.Handler
import android.os.Looper
import androidx.activity.ComponentActivity
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.core.Preview
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView
import java.util.concurrent.Executor
import java.util.concurrent.ExecutorService
import nestling.Frame
import nestling.FramePlane
import nestling.androidFrame

/** A frame of CameraX; it is read until the proxy is closed. */
fun ImageProxy.toFrame(): Frame {
    val planes = planes.map { FramePlane(it.buffer, it.rowStride, it.pixelStride) }
    return androidFrame(width, height, planes, imageInfo.rotationDegrees)
}

/** Shows the back camera, and passes its latest frame on whenever the last one was classified. */
fun startCamera(activity: ComponentActivity, view: PreviewView, executor: ExecutorService, onFrame: (Frame) -> Unit) {
    val coming = ProcessCameraProvider.getInstance(activity)
    coming.addListener({
        val preview = Preview.Builder().build()
        preview.setSurfaceProvider(view.surfaceProvider)
        val analysis = ImageAnalysis.Builder()
            .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
            .build()
        analysis.setAnalyzer(executor) { proxy -> proxy.use { onFrame(it.toFrame()) } }
        val provider = coming.get()
        provider.unbindAll()
        provider.bindToLifecycle(activity, CameraSelector.DEFAULT_BACK_CAMERA, preview, analysis)
    }, Executor { Handler(Looper.getMainLooper()).post(it) })
}
