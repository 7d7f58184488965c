import Foundation

/// What was seen of a run at one moment, about once a second.
struct EnduranceSample: Codable {
  /// Since the load was over; below 0 while it went on.
  private(set) var seconds: Double
  /// Which process, and for how many seconds it was ready; `nil` while it opened the store.
  let life: Int
  let age: Double?
  let process: ProcessSample
  /// The processor time of all that runs on the machine.
  var machineBusySeconds = ProcessCounters.machineBusySeconds
  let disk: DiskSample
  /// What the process said of the second before; `nil` while it opened the store.
  let report: WorkerReport?

  /// The same on a clock that starts later.
  func earlier(by duration: Double) -> EnduranceSample {
    var sample = self
    sample.seconds -= duration
    return sample
  }
}

/// What Linux tells of another process.
struct ProcessSample: Codable {
  let residentBytes: Int
  /// Of these, memory that belongs to no file: what the process allocated.
  let anonymousBytes: Int
  /// And pages of programs and libraries.
  let fileBytes: Int
  let threads: Int
  let descriptors: Int
  /// Files that have no name any more, and take disk as long as they are open.
  let namelessBytes: Int
  let processorSeconds: Double

  init(_ processID: pid_t) {
    let status = ProcessCounters.status(of: "\(processID)")
    residentBytes = status["VmRSS"] ?? 0
    anonymousBytes = status["RssAnon"] ?? 0
    fileBytes = status["RssFile"] ?? 0
    threads = status["Threads"] ?? 0
    let directory = "/proc/\(processID)/fd"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    descriptors = names.count
    namelessBytes = names.reduce(0) { sum, name in
      var status = stat()
      // Proof: the call fills the structure it is given.
      guard unsafe stat("\(directory)/\(name)", &status) == 0, status.st_nlink == 0 else { return sum }
      return status.st_mode & S_IFMT == S_IFREG ? sum + Int(status.st_size) : sum
    }
    processorSeconds = ProcessCounters.processorSeconds(of: processID)
  }
}

/// The bytes of a run's files; a file with several names counts once, where it is named first here.
struct DiskSample: Codable {
  /// The store's directory.
  let databaseBytes: Int
  let changelogBytes: Int
  /// What checkpoints hold that the store has no more.
  let checkpointBytes: Int

  init(_ plan: EndurancePlan) {
    var seen: Set<UInt64> = []
    databaseBytes = directoryBytes(plan.files.store, &seen)
    changelogBytes = directoryBytes(plan.files.log, &seen)
    checkpointBytes = directoryBytes(plan.checkpoints, &seen)
  }

  var totalBytes: Int { databaseBytes + changelogBytes + checkpointBytes }
}
