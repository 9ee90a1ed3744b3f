package nestling.tests
val liveTests = listOf<Test>()
