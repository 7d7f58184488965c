import Foundation

/// The observations of a run at one moment, about once a second.
struct EnduranceSample: Codable {
  /// Counted from the end of the load; negative during the load.
  private(set) var seconds: Double
  /// The number of the process, and how long it has been ready; `nil` while it opens the store.
  let life: Int
  let age: Double?
  let process: ProcessSample
  /// The processor time of everything that runs on the machine.
  var machineBusySeconds = ProcessCounters.machineBusySeconds
  let disk: DiskSample
  /// The process's report of the last second; `nil` while it opens the store.
  let report: WorkerReport?

  /// The same on a clock that starts later.
  func earlier(by duration: Double) -> EnduranceSample {
    var sample = self
    sample.seconds -= duration
    return sample
  }
}

/// Linux's figures of another process.
struct ProcessSample: Codable {
  let residentBytes: Int
  /// The part of these that belongs to no file: memory that the process allocated.
  let anonymousBytes: Int
  /// The part of these that is pages of programs and libraries.
  let fileBytes: Int
  let threads: Int
  let descriptors: Int
  /// Files without a name, which take disk space as long as they are open.
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

/// The bytes of a run's files; a file with several names counts once, in the first directory listed here.
struct DiskSample: Codable {
  /// The store's directory.
  let databaseBytes: Int
  let changelogBytes: Int
  /// The bytes that checkpoints hold and the store no longer does.
  let checkpointBytes: Int

  init(_ plan: EndurancePlan) {
    var seen: Set<UInt64> = []
    databaseBytes = directoryBytes(plan.files.store, &seen)
    changelogBytes = directoryBytes(plan.files.log, &seen)
    checkpointBytes = directoryBytes(plan.checkpoints, &seen)
  }

  var totalBytes: Int { databaseBytes + changelogBytes + checkpointBytes }
}
