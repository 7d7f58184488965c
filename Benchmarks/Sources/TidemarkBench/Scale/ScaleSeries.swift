import Foundation

/// The steps of one size, each a process of its own.
struct ScaleSeries {
  let directory: String
  let keys: Int
  let budgetBytes: Int

  private var files: StoreFiles { StoreFiles(directory: directory) }

  func measure(opens: Int, kills: Int, _ say: (String) -> Void) throws -> ScaleRow {
    var row = ScaleRow(keys: keys, budgetBytes: budgetBytes)
    let userBytes = Double(keys * (RecordKey.byteCount + ValuePool.valueBytes))

    say("writing")
    let load = try finished(.load).result
    row.commitsPerSecond = Double(keys) / load.seconds
    row.commitP99 = Double(load.p99 ?? 0) / 1e6
    row.commitMax = Double(load.greatest ?? 0) / 1e6
    row.loadPeakBytes = load.peakBytes
    row.databaseBytesPerByte = Double(directoryBytes(files.database)) / userBytes
    row.logBytesPerByte = Double(directoryBytes(files.log)) / userBytes

    say("reading")
    let read = try finished(.read).result
    row.readP50 = Double(read.median ?? 0) / 1e3
    row.readP99 = Double(read.p99 ?? 0) / 1e3

    say("opening after SIGKILL")
    try copyDatabase()
    _ = try timeToReady(.tail)
    var (store, plain): ([Double], [Double]) = ([], [])
    for _ in 0..<opens {
      plain.append(try timeToReady(.openPlain))
      store.append(try timeToReady(.open))
    }
    row.openMilliseconds = store.sorted()[opens / 2]
    row.openPlainMilliseconds = plain.sorted()[opens / 2]
    try FileManager.default.removeItem(atPath: directory + "/plain")

    say("restoring")
    try FileManager.default.removeItem(atPath: files.store)
    let (restore, work) = try finished(.restore)
    row.restoreSeconds = restore.seconds
    row.restorePeakBytes = restore.peakBytes
    let debt = try PlainDatabase(
      files.database, .readOnly, with: BaselineSettings(budgetBytes: budgetBytes)
    ).debt
    row.restoreDebtBytes = debt.pendingBytes
    row.restoreLevel0Files = debt.levelZeroFiles

    if kills > 0 {
      say("restoring under \(kills) kills")
      try FileManager.default.removeItem(atPath: files.store)
      let killed = try killedRestore(kills, restore.seconds)
      row.kills = killed.kills
      row.killedWork = killed.work / work
    }

    say("committing beside checkpoints")
    let checkpoints = try finished(.checkpoint).result
    row.checkpointSeconds = checkpoints.seconds
    row.checkpointRatio = checkpoints.ratio ?? 0
    return row
  }

  /// Kills a restore at random instants of its expected time, and then lets it end; returns the number of kills,
  /// which is smaller if it ends before, and the processor time of all its processes.
  private func killedRestore(_ kills: Int, _ seconds: Double) throws -> (kills: Int, work: Double) {
    var random = SeededGenerator(seed: UInt64(now()))
    let instants = (0..<kills).map { _ in random.unit() * seconds }.sorted()
    var (count, work, last) = (0, 0.0, 0.0)
    for instant in instants {
      let child = try start(.restore)
      let isOver = child.waitForEnd(atMost: instant - last)
      work += try child.end()
      if isOver { break }
      count += 1
      last = instant
    }
    return (count, try work + finished(.restore).work)
  }

  // MARK: Processes

  /// Runs a step to its end; returns its result, and its processor time in seconds.
  private func finished(_ step: ScaleStepCommand.Step) throws -> (result: StepResult, work: Double) {
    let child = try start(step)
    let text = child.output.readDataToEndOfFile()
    let work = try child.end()
    guard let result = try? JSONDecoder().decode(StepResult.self, from: text) else {
      throw WrongRead(description: "the step \(step.rawValue) failed")
    }
    return (result, work)
  }

  /// The milliseconds from the start of a process until it prints `ready`; it is killed then.
  private func timeToReady(_ step: ScaleStepCommand.Step) throws -> Double {
    let begin = now()
    let child = try start(step)
    let word = child.output.readData(ofLength: 5)
    let end = now()
    _ = try child.end()
    guard word == Data("ready".utf8) else { throw WrongRead(description: "the step \(step.rawValue) failed") }
    return Double(end - begin) / 1e6
  }

  private func start(_ step: ScaleStepCommand.Step) throws -> ChildProcess {
    try ChildProcess([
      "scale-step", step.rawValue, "--directory", directory, "--keys", "\(keys)", "--budget-bytes", "\(budgetBytes)",
    ])
  }

  /// Copies the closed store's database for a plain one; table files are linked.
  private func copyDatabase() throws {
    let manager = FileManager.default
    let plain = directory + "/plain"
    try manager.createDirectory(atPath: plain, withIntermediateDirectories: true)
    for name in try manager.contentsOfDirectory(atPath: files.database) {
      let (from, to) = (files.database + "/" + name, plain + "/" + name)
      if name.hasSuffix(".sst") {
        try manager.linkItem(atPath: from, toPath: to)
      } else {
        try manager.copyItem(atPath: from, toPath: to)
      }
    }
  }
}
