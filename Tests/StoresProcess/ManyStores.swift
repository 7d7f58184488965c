import Foundation
import Logging
import Tidemark

/// Many stores in one process with few files to open: stores with even numbers have a changelog, the others none.
final class ManyStores {
  private static let table = Table("rows", key: .int64, value: .bytes)
  private static let rowsOfARound: Int64 = 50
  private static let valueBytes = 1 << 10

  private let path: String
  private let options: StoreOptions
  /// The process's descriptors before any store was opened.
  private let descriptors: Int
  private let threads: Int
  private var mostDescriptors = 0
  private var mostBytes = 0

  init(_ path: String, fileLimit: Int) throws {
    self.path = path
    // Otherwise the stores' log messages would mix with this process's output.
    LoggingSystem.bootstrap { _ in SwiftLogNoOpLogHandler() }
    Self.setLimit(fileLimit)
    guard unsafe mkdir(path, 0o700) == 0 else { fail("no directory: \(errno)") }
    // Everything else keeps its default, as in stores that nobody has tuned.
    var options = StoreOptions()
    options.budget = MemoryBudget(bytes: 32 << 20)
    self.options = options
    (descriptors, threads) = (Self.entries("/proc/self/fd"), Self.entries("/proc/self/task"))
  }

  // MARK: Runs

  /// Opens `count` stores, fills and reads each, reopens all, and prints the resources used.
  func run(count: Int) throws {
    var (idle, reopened) = ([0, 0], [0, 0])
    var stores = try (0..<count).map { number in try open(number, counting: &idle) }
    let idleThreads = Self.entries("/proc/self/task") - threads
    let rounds: Int64 = 4
    for round in 0..<rounds {
      for (number, store) in stores.enumerated() { try fill(store, number, round) }
      if round % 2 == 1 { for store in stores { try flush(store) } }
      look()
    }
    for (number, store) in stores.enumerated() { try check(store, number, rounds: rounds) }
    for store in stores { try store.close() }
    stores = []
    let left = Self.entries("/proc/self/fd") - descriptors
    stores = try (0..<count).map { number in try open(number, counting: &reopened) }
    for (number, store) in stores.enumerated().reversed() { try check(store, number, rounds: rounds) }
    for store in stores { try store.close() }
    print(
      "withChangelog \(idle[0]) without \(idle[1]) reopenedWithChangelog \(reopened[0])",
      "reopenedWithout \(reopened[1]) most \(mostDescriptors) left \(left) idleThreads \(idleThreads)",
      "threads \(Self.entries("/proc/self/task") - threads) mostBytes \(mostBytes) budget \(options.budget.bytes)")
  }

  /// Opens stores until one is refused, which must not harm the others; it opens once the limit is raised.
  func runOut() throws {
    var stores: [StateStore] = []
    var refusal: StoreError?
    while refusal == nil, stores.count < 256 {
      do throws(StoreError) { stores.append(try open(stores.count)) } catch { refusal = error }
    }
    guard let refusal else { fail("no store was refused") }
    for (number, store) in stores.enumerated() {
      try fill(store, number, 0)
      try flush(store)
      try check(store, number, rounds: 1)
    }
    print(stores.count, "stores;", refusal)
    // The refused store opens now, and the others continue.
    Self.setLimit(1024)
    stores.append(try open(stores.count))
    for (number, store) in stores.enumerated() {
      try fill(store, number, number == stores.count - 1 ? 0 : 1)
      try check(store, number, rounds: number == stores.count - 1 ? 1 : 2)
    }
    for store in stores { try store.close() }
  }

  /// Takes all descriptors, and tests the stores without any left.
  func runWithoutFiles() throws {
    let stores = try (0..<2).map { try open($0) }
    for (number, store) in stores.enumerated() { try fill(store, number, 0) }
    var taken: [Int32] = []
    while case let descriptor = unsafe Glibc.open("/dev/null", O_RDONLY), descriptor >= 0 { taken.append(descriptor) }
    do throws(StoreError) {
      _ = try open(2)
      fail("a store opened without a file")
    } catch {
      print("open:", error)
    }
    // Commits need no file.
    for (number, store) in stores.enumerated() { try fill(store, number, 1) }
    for store in stores {
      do throws(StoreError) { try store.flush() } catch { print("flush:", error) }
    }
    for descriptor in taken { Glibc.close(descriptor) }
    for store in stores {
      do throws(StoreError) { try store.close() } catch { print("close:", error) }
    }
    for number in 0..<3 {
      let store = try open(number)
      try check(store, number, rounds: number < 2 ? 2 : 0)
      try store.close()
    }
  }

  // MARK: Stores

  private func open(_ number: Int) throws(StoreError) -> StateStore {
    var log: FileLog?
    if number % 2 == 0 { log = try FileLog.open(path + "/changelog", TopicPartition("many", Int32(number))) }
    return try StateStore.open("\(path)/\(number)", tables: [Self.table], changelog: log, options: options)
  }

  /// Opens a store, and counts the descriptors that it holds, except for table files.
  private func open(_ number: Int, counting most: inout [Int]) throws(StoreError) -> StateStore {
    func held() -> Int { Self.entries("/proc/self/fd") - Self.openTableFiles() }
    let before = held()
    let store = try open(number)
    most[number % 2] = max(most[number % 2], held() - before)
    return store
  }

  private func fill(_ store: StateStore, _ number: Int, _ round: Int64) throws {
    let first = round * Self.rowsOfARound
    try store.write([TopicPartition("input", Int32(number)): Offset(first + Self.rowsOfARound)]) {
      transaction throws(StoreError) in
      for key in first..<first + Self.rowsOfARound {
        try transaction.put(key, Self.value(number, key), in: Self.table)
      }
    }
    mostBytes = max(mostBytes, options.budget.usedBytes)
  }

  private func flush(_ store: StateStore) throws {
    try store.flush()
    look()
  }

  private func check(_ store: StateStore, _ number: Int, rounds: Int64) throws {
    let view = try store.snapshot()
    var next: Int64 = 0
    try view.scan(Self.table).forEach { key, value in
      if key != next || value != Self.value(number, key) { fail("store \(number): row \(key) is wrong") }
      next += 1
    }
    if next != rounds * Self.rowsOfARound { fail("store \(number): \(next) rows") }
    for key in stride(from: 0, to: next, by: 17) where try view.get(key, in: Self.table) != Self.value(number, key) {
      fail("store \(number): row \(key) isn't found")
    }
    look()
  }

  /// Notes the descriptors and memory in use now.
  private func look() {
    mostDescriptors = max(mostDescriptors, Self.entries("/proc/self/fd"))
    mostBytes = max(mostBytes, options.budget.usedBytes)
  }

  private static func value(_ number: Int, _ key: Int64) -> [UInt8] {
    let seed = UInt64(number) << 32 | UInt64(key)
    var bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: number &* 31 &+ Int(key)), count: valueBytes)
    for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: seed >> (8 * UInt64(index))) }
    return bytes
  }

  // MARK: The process

  /// Sets the soft limit of open files, and keeps the hard limit.
  private static func setLimit(_ count: Int) {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { fail("no limit: \(errno)") }
    limit.rlim_cur = rlim_t(count)
    guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { fail("no limit: \(errno)") }
  }

  /// The number of entries in a directory.
  private static func entries(_ path: String) -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: path).count) ?? 0
  }

  private static func openTableFiles() -> Int {
    let directory = "/proc/self/fd"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return names.count {
      (try? FileManager.default.destinationOfSymbolicLink(atPath: directory + "/" + $0))?.hasSuffix(".sst") ?? false
    }
  }
}
