public import Changelog

/// The promises of every changelog, as checks for any test framework.
///
/// Each check makes a changelog of its own and throws a ``Violation`` when a promise is broken. An unexpected error of
/// the changelog is rethrown as it is.
public struct ChangelogConformance {
  /// A promise that was broken.
  public struct Violation: Error, CustomStringConvertible {
    /// Which one.
    public let promise: Promise
    /// The expected and the actual result.
    public let finding: String

    /// The promise, the finding, and what to do.
    public var description: String { "\(promise.text): \(finding); \(promise.remedy)" }
  }

  let make: () throws -> any Changelog
  let reopen: (any Changelog) throws -> any Changelog
  let tear: ((any Changelog) throws -> Void)?
  let maxCommitBytes: Int
  let patience: Duration

  /// Checks changelogs made by `make`.
  ///
  /// - Parameters:
  ///   - maxCommitBytes: the greatest size of a commit that they take, at least 16 KiB.
  ///   - patience: how long a waiter may need to be woken, and a call to return; a check that fails takes at least that long.
  ///   - tear: makes a closed changelog end as if its writer had been killed inside an append. Without it, recovery's
  ///     report of a torn end isn't checked.
  ///   - make: makes an empty changelog, another one each time.
  ///   - reopen: opens the same changelog again, as another process would.
  public init(
    maxCommitBytes: Int, patience: Duration = .seconds(20), tear: ((any Changelog) throws -> Void)? = nil,
    make: @escaping () throws -> any Changelog, reopen: @escaping (any Changelog) throws -> any Changelog
  ) {
    self.maxCommitBytes = maxCommitBytes
    self.patience = patience
    self.tear = tear
    self.make = make
    self.reopen = reopen
  }

  /// Checks all promises, and throws the first violation.
  public func checkAll() throws { for promise in Promise.allCases { try check(promise) } }

  /// Checks one promise.
  public func check(_ promise: Promise) throws {
    let check = ConformanceCheck(conformance: self, promise: promise)
    switch promise {
    case .emptyStart: try check.emptyStart()
    case .contents: try check.contents()
    case .order: try check.order()
    case .receipts: try check.receipts()
    case .points: try check.points()
    case .reading: try check.reading()
    case .bytes: try check.bytes()
    case .oneWriter: try check.oneWriter()
    case .sizeLimit: try check.sizeLimit()
    case .emptyCommits: try check.emptyCommits()
    case .closing: try check.closing()
    case .durability: try check.durability()
    case .waiting: try check.waiting()
    case .reopening: try check.reopening()
    case .recovery: try check.recovery()
    case .deletion: try check.deletion()
    case .capabilities: try check.capabilities()
    case .outputs: try check.outputs()
    }
  }
}

extension ChangelogConformance {
  /// A promise of every changelog.
  public enum Promise: String, CaseIterable, Sendable {
    /// An empty changelog starts and ends at 0.
    case emptyStart
    /// Reads return what was appended.
    case contents
    /// Commits are read in the order in which they were appended, and don't overlap.
    case order
    /// Receipts follow from each other, and each is found by the end of its commit.
    case receipts
    /// A point of the history includes the commits that end by its offset, or were appended by its time.
    case points
    /// Reading starts at any commit, ends at the given offset, and stops when asked.
    case reading
    /// The bytes between two offsets are those of the commits between.
    case bytes
    /// A second writer is refused, or the first is fenced.
    case oneWriter
    /// A commit that is too large leaves no trace.
    case sizeLimit
    /// A commit without records carries its positions.
    case emptyCommits
    /// A closed writer refuses appends.
    case closing
    /// The durable offset never goes back or beyond the end, and a sync raises it to the end.
    case durability
    /// A change wakes its waiters, and a waiter returns when the time is up.
    case waiting
    /// Everything is there after closing and reopening.
    case reopening
    /// Recovery reports what it cut, and reports nothing if nothing was cut.
    case recovery
    /// Deletion keeps the commit that ends at the offset and all that follow.
    case deletion
    /// Capabilities never change, and don't contradict each other or what the changelog does.
    case capabilities
    /// Outputs and offsets of consumer groups are carried or refused, as the capabilities say.
    case outputs

    /// The promise, as a sentence without its full stop.
    var text: String {
      switch self {
      case .emptyStart: "an empty changelog starts and ends at 0, with the receipt of its identity"
      case .contents: "what is read is what was appended"
      case .order: "commits are read in the order in which they were appended, and don't overlap"
      case .receipts: "receipts follow from each other, and each is found by the end of its commit"
      case .points: "a point of the history includes the commits up to it"
      case .reading: "reading starts where a commit starts or ends, and ends where it is told"
      case .bytes: "byteCount is nil or the sum of the commits' byteCount"
      case .oneWriter: "there is one writer"
      case .sizeLimit: "a commit that is too large leaves no trace"
      case .emptyCommits: "a commit without records carries its positions"
      case .closing: "a closed writer takes nothing"
      case .durability: "the durable offset never goes back nor beyond the end, and a sync raises it to the end"
      case .waiting: "whoever waits for a change is woken by it, and goes when the time is up"
      case .reopening: "after closing and opening again everything is there"
      case .recovery: "recovery reports what it cut, and nothing else"
      case .deletion: "deletion keeps the commit that ends at the offset and all that follow"
      case .capabilities: "capabilities never change, and contradict neither each other nor the changelog"
      case .outputs: "outputs and offsets of consumer groups are carried or refused, as the capabilities say"
      }
    }

    /// Where to look.
    var remedy: String {
      switch self {
      case .emptyStart: "answer offset 0 and Receipt(startOf: identity) before the first commit"
      case .contents:
        "keep the record bytes, the metadata and the epoch as they were given, and join batches in their order"
      case .order: "start a commit at or after the end of the one before, and give them by their offsets"
      case .receipts: "compute each with followed(by:) from the one before, and answer nil where no commit ends"
      case .points: "compare the ends and timestamps of commits with ChangelogPoint.includes"
      case .reading: "refuse other offsets as invalidArgument, and return the end of the last commit given"
      case .bytes: "count the same bytes in byteCount and in LoggedCommit.byteCount, or answer nil"
      case .oneWriter: "take a lock and throw locked, or raise the epoch and throw fenced in the former writer's append"
      case .sizeLimit: "measure the commit before anything is written, and throw tooLarge"
      case .emptyCommits: "give each commit a record of its own, so that its end lies after its start"
      case .closing: "throw closed in append and sync"
      case .durability: "raise the durable offset only once a sync has returned, to where the end was when it began"
      case .waiting: "compare both end and durable with what is known, and give up at the deadline"
      case .reopening: "write all that a writer starts from, the epoch too, and find it again"
      case .recovery: "set cut where bytes were cut off, with the offset of the last whole commit"
      case .deletion: "delete whole commits that end below the offset, and refuse offsets beyond the end"
      case .capabilities: "name only what is always true of the changelog"
      case .outputs: "call Commit.checkCarried(by:) first in append, or append the outputs with the commit"
      }
    }
  }
}

/// The check of one promise.
struct ConformanceCheck {
  let conformance: ChangelogConformance
  let promise: ChangelogConformance.Promise

  func make() throws -> any Changelog { try conformance.make() }
  func reopen(_ log: any Changelog) throws -> any Changelog { try conformance.reopen(log) }

  func violation(_ finding: String) -> ChangelogConformance.Violation {
    ChangelogConformance.Violation(promise: promise, finding: finding)
  }

  func equal<T: Equatable>(_ found: T, _ expected: T, _ what: String) throws {
    if found != expected { throw violation("\(what): \(expected) expected, \(found) found") }
  }

  func expect(_ holds: Bool, _ finding: @autoclosure () -> String) throws {
    if !holds { throw violation(finding()) }
  }

  func fails(_ kind: StoreError.Kind, _ what: String, _ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as StoreError {
      return try expect(error.kind == kind, "\(what): \(kind) expected, \(error) thrown")
    }
    throw violation("\(what): \(kind) expected, nothing thrown")
  }

  /// Appends the samples with the given numbers.
  @discardableResult
  func append(_ numbers: some Sequence<Int>, to writer: any ChangelogWriter) throws -> [AppendedCommit] {
    var appended: [AppendedCommit] = []
    for number in numbers { appended.append(try writer.append(Sample(number).commit())) }
    return appended
  }

  /// Reads commits into values that can be compared.
  func readAll(_ log: any Changelog, from start: Offset = 0, to end: Offset? = nil) throws -> [ReadSample] {
    var commits: [ReadSample] = []
    try log.read(from: start, to: end) { (commit) throws(StoreError) in
      commits.append(try ReadSample(commit))
      return .next
    }
    return commits
  }
}
