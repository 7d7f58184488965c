import Foundation

/// Keeps a process at work for the length of the run, kills it now and then, and observes it from outside.
struct EnduranceRun {
  /// A process that was killed, and how the next one fared.
  struct Kill: Codable {
    /// Counted from the end of the load.
    let seconds: Double
    let acknowledged: Int64
    let tried: Int64
    /// The position that the next process found, and the time from its start until then.
    let found: Int64
    let readyMilliseconds: Double

    /// Acknowledged operations that are missing.
    var lost: Int64 { max(0, acknowledged - found) }
  }

  /// A process that prints nothing for this long counts as stuck.
  private static let patienceSeconds = 300.0
  /// The last part of the run has no kills, so that slow growth within one process shows.
  private static let quietShare = 0.2

  let plan: EndurancePlan
  let seconds: Double
  /// The mean time between kills: each comes at random after two thirds to four thirds of it.
  let killEverySeconds: Double
  private(set) var samples: [EnduranceSample] = []
  private(set) var kills: [Kill] = []
  private(set) var acknowledgements = 0
  private(set) var loadSeconds = 0.0
  private(set) var isLoading = true
  /// The end of the load.
  private var begin = now()

  init(_ plan: EndurancePlan, seconds: Double, killEverySeconds: Double) {
    (self.plan, self.seconds, self.killEverySeconds) = (plan, seconds, killEverySeconds)
  }

  /// The shortest life of a process, except the last.
  var shortestLife: Double { killEverySeconds * 2 / 3 }
  /// The time from which nothing is killed.
  var quietSince: Double { seconds * (1 - Self.quietShare) }

  private var elapsed: Double { (Double(now()) - Double(begin)) / 1e9 }

  /// Runs to its end; throws if something is wrong with the state.
  mutating func run(_ show: (EnduranceRun) -> Void) throws {
    var random = SeededGenerator(seed: plan.seed)
    var life = try EnduranceLife(0, plan)
    try load(life, show)
    var killAt = nextKill(&random)
    while true {
      try watch(life, until: min(killAt, seconds), show)
      try life.kill()
      acknowledgements += life.acknowledgements
      if killAt >= seconds { return }
      let at = elapsed
      let next = try EnduranceLife(life.number + 1, plan)
      try waitUntilReady(next, show)
      try compare(life, next, killedAt: at)
      life = next
      killAt = nextKill(&random)
    }
  }

  private func nextKill(_ random: inout SeededGenerator) -> Double {
    let at = elapsed + killEverySeconds * (2 + 2 * random.unit()) / 3
    return at < quietSince ? at : .infinity
  }

  /// Waits until the first process has loaded the items; the clock of the run starts then.
  private mutating func load(_ life: EnduranceLife, _ show: (EnduranceRun) -> Void) throws {
    begin = life.startedAt
    while true {
      switch try event(of: life) {
      case .ready: break
      case .second(let report): take(life, report, show)
      case .loaded:
        loadSeconds = elapsed
        isLoading = false
        begin = now()
        samples = samples.map { $0.earlier(by: loadSeconds) }
        return
      }
    }
  }

  private mutating func waitUntilReady(_ life: EnduranceLife, _ show: (EnduranceRun) -> Void) throws {
    let patience = now() + UInt64(Self.patienceSeconds * 1e9)
    while now() < patience, !life.child.hasEnded {
      if case .ready = try life.event(until: now() + 1_000_000_000) { return }
      take(life, nil, show)
    }
    throw WrongRead(description: "process \(life.number) doesn't open the store")
  }

  /// Lets a process work until a moment of the run.
  private mutating func watch(_ life: EnduranceLife, until end: Double, _ show: (EnduranceRun) -> Void) throws {
    let deadline = begin + UInt64(end * 1e9)
    while now() < deadline {
      if case .second(let report) = try event(of: life, until: deadline) { take(life, report, show) }
    }
  }

  private func event(of life: EnduranceLife) throws -> EnduranceLife.Event {
    guard let event = try event(of: life, until: .max) else {
      throw WrongRead(description: "process \(life.number) says nothing")
    }
    return event
  }

  /// `nil` at the deadline; throws if the process has ended, or prints nothing for too long.
  private func event(of life: EnduranceLife, until deadline: UInt64) throws -> EnduranceLife.Event? {
    let patience = now() + UInt64(Self.patienceSeconds * 1e9)
    if let event = try life.event(until: min(deadline, patience)) { return event }
    if life.child.hasEnded { throw WrongRead(description: "process \(life.number) ended on its own") }
    if deadline > patience { throw WrongRead(description: "process \(life.number) says nothing") }
    return nil
  }

  private mutating func take(_ life: EnduranceLife, _ report: WorkerReport?, _ show: (EnduranceRun) -> Void) {
    samples.append(
      EnduranceSample(
        seconds: elapsed, life: life.number, age: life.age, process: ProcessSample(life.child.processID),
        disk: DiskSample(plan), report: report))
    show(self)
  }

  /// No acknowledged operation may be missing, and none may exist that was never given to a commit.
  private mutating func compare(_ life: EnduranceLife, _ next: EnduranceLife, killedAt: Double) throws {
    guard let acknowledged = life.acknowledged, let tried = life.tried, let found = next.found,
      let readyAt = next.readyAt
    else { return }
    guard found <= tried else {
      throw WrongRead(description: "committed up to \(tried), and found up to \(found)")
    }
    kills.append(
      Kill(
        seconds: killedAt, acknowledged: acknowledged, tried: tried, found: found,
        readyMilliseconds: Double(readyAt - next.startedAt) / 1e6))
  }
}
