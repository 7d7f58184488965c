import Glibc
import RocksDB
import Synchronization

/// A process that calls `exit` while its other threads use databases.
final class ExitRace: Sendable {
  private let path: String
  private let isClosing = Atomic<Bool>(false)

  init(_ path: String) { self.path = path }

  /// Exits `delay` turns of a loop after another thread starts to close the database.
  func whileClosing(delay: Int) throws {
    let database = try Database.open(path, options: options(), columnFamilies: [])
    try database.fill(path, files: 2)
    let box = Box(database)
    start { [self] in
      isClosing.store(true, ordering: .sequentiallyConsistent)
      box.close()
    }
    while !isClosing.load(ordering: .sequentiallyConsistent) {}
    spin(delay)
    exit(0)
  }

  /// Exits `delay` turns of a loop after threads start to compact, read, open and close databases.
  func whileWorking(delay: Int) throws {
    let database = try Database.open(path, options: options(), columnFamilies: [])
    try database.fill(path, files: 6)
    let box = Box(database)
    let started = Atomic<Int>(0)
    start { [self] in
      started.add(1, ordering: .sequentiallyConsistent)
      while true { try? box.database!.fill(path, files: 3) }
    }
    start {
      started.add(1, ordering: .sequentiallyConsistent)
      while true { _ = box.database!.countRows() }
    }
    start { [self] in
      started.add(1, ordering: .sequentiallyConsistent)
      while true { _ = try? Database.open(path + "-other", options: options(), columnFamilies: []) }
    }
    while started.load(ordering: .sequentiallyConsistent) < 3 {}
    spin(delay)
    exit(0)
  }

  private func options() -> DatabaseOptions {
    var options = DatabaseOptions()
    options.columnFamilyOverrides = ["level0_file_num_compaction_trigger": "2"]
    return options
  }
}

/// A database that another thread closes.
private final class Box: @unchecked Sendable {
  // Proof: changed by one thread alone, while no other reads it.
  private(set) var database: Database?

  init(_ database: consuming Database) { self.database = consume database }

  func close() { database = nil }
}

/// Spins for `turns` turns.
private func spin(_ turns: Int) {
  let turn = Atomic<Int>(0)
  while turn.load(ordering: .relaxed) < turns { turn.add(1, ordering: .relaxed) }
}

/// Starts a thread that is never joined.
private func start(_ body: @escaping @Sendable () -> Void) {
  final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  // Proof: the thread takes over the reference retained here.
  let status = unsafe pthread_create(
    &thread, nil,
    { context in
      unsafe Unmanaged<Work>.fromOpaque(context!).takeRetainedValue().body()
      return nil
    }, Unmanaged.passRetained(Work(body)).toOpaque())
  if status != 0 { fail("no thread: errno \(status)") }
}
