package nestling

/** A listener of progress. An exception that [block] throws ends the call. */
public fun onProgress(block: (CallProgress) -> Unit): ProgressListener =
    object : ProgressListener {
        override fun onProgress(progress: CallProgress) = block(progress)
    }

/** A listener of a governor's steps. */
public fun onGovernorEvent(block: (GovernorEvent) -> Unit): GovernorListener =
    object : GovernorListener {
        override fun onEvent(event: GovernorEvent) = block(event)
    }

/** Stable name of the kind of error, the same in every language of the SDK, such as `bundle_damaged`. */
public val NestlingException.code: String
    get() = facts().first

/** Says what was wrong, where, and what to do. */
public val NestlingException.text: String
    get() = facts().second

private fun NestlingException.facts(): Pair<String, String> =
    when (this) {
        is NestlingException.Gpu -> Pair(code, text)
        is NestlingException.DeviceLost -> Pair(code, text)
        is NestlingException.Bundle -> Pair(code, text)
        is NestlingException.Profile -> Pair(code, text)
        is NestlingException.ProfileNotStored -> Pair(code, text)
        is NestlingException.Busy -> Pair(code, text)
        is NestlingException.BelowFastest -> Pair(code, text)
        is NestlingException.InvalidBudget -> Pair(code, text)
        is NestlingException.UnknownChild -> Pair(code, text)
        is NestlingException.ImageTooLarge -> Pair(code, text)
        is NestlingException.Image -> Pair(code, text)
        is NestlingException.Picture -> Pair(code, text)
        is NestlingException.InvalidArgument -> Pair(code, text)
        is NestlingException.NotGoverned -> Pair(code, text)
        is NestlingException.Cancelled -> Pair(code, text)
        is NestlingException.Listener -> Pair(code, text)
        is NestlingException.Panic -> Pair(code, text)
        is NestlingException.Other -> Pair(code, text)
    }

/** The hint of Android's `PowerManager.getCurrentThermalStatus`, 0 none to 6 shutdown. */
public fun thermalHintOfStatus(status: Int): ThermalHint =
    when {
        status < 0 -> ThermalHint.UNKNOWN
        status == 0 -> ThermalHint.NOMINAL
        status == 1 -> ThermalHint.FAIR
        status == 2 -> ThermalHint.SERIOUS
        else -> ThermalHint.CRITICAL
    }
