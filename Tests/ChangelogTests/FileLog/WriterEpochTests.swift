import Changelog
import Foundation
import Testing
import TidemarkTesting

/// R9 on one machine: the former writer notices a takeover before it acknowledges anything.
@Suite struct WriterEpochTests {
  enum Loss: CaseIterable { case moved, removed }

  private func loseLock(_ scratch: Scratch, _ loss: Loss) throws {
    let lock = scratch.file("writer.lock")
    if loss == .removed { return try scratch.remove(lock) }
    try FileManager.default.moveItem(atPath: lock, toPath: scratch.file("x"))
  }

  // R9. Seen to fail with: a writer that doesn't check the epoch after an append.
  @Test(arguments: Loss.allCases, [Durability.sync, .os, .interval(.seconds(3600))])
  func aDeposedWriterAcknowledgesNothing(loss: Loss, durability: Durability) throws {
    let scratch = Scratch()
    let deposed = try scratch.open(.init(durability: durability), Disk(syncs: false).storage).openWriter()
    try append(0..<3, to: deposed)
    try loseLock(scratch, loss)
    let writer = try scratch.open().openWriter()
    for _ in 0..<2 { _ = failure(.fenced) { try append(100..<101, to: deposed) } }
    _ = failure(.fenced) { try deposed.sync() }
    try append(3..<5, to: writer)
    #expect(try readAll(scratch.open()).map(\.sample) == (0..<5).map(Sample.init))
    _ = failure(.fenced) { try deposed.close() }
    try writer.close()
    #expect(try readAll(scratch.open()).map(\.sample) == (0..<5).map(Sample.init))
  }

  /// If the log is taken over during an append and sync, the commit is acknowledged only if the successor has it.
  ///
  /// Seen to fail with: checking the epoch before the append.
  @Test(arguments: [(Disk.Operation.write, Durability.os), (.write, .sync), (.sync, .sync)])
  func aCommitIsAcknowledgedOnlyIfTheSuccessorReadIt(operation: Disk.Operation, durability: Durability) throws {
    let scratch = Scratch()
    let gate = Mutex((armed: false, end: Offset.zero))
    let disk = Disk(syncs: false) { found, path in
      guard found == operation, path.hasSuffix(".log"), gate.withLock({ $0.armed }) else { return }
      gate.withLock { $0.armed = false }
      try? FileManager.default.removeItem(atPath: scratch.file("writer.lock"))
      let successor = try? scratch.open().openWriter()
      gate.withLock { $0.end = successor?.endOffset ?? -1 }
      try? successor?.close()
    }
    let writer = try scratch.open(.init(durability: durability), disk.storage).openWriter()
    let before = try append(0..<3, to: writer)[2].endOffset
    gate.withLock { $0.armed = true }
    _ = failure(.fenced) { try append(3..<4, to: writer) }
    let end = gate.withLock { $0.end }
    // The takeover came before the write, or after it.
    #expect(operation == .write ? end == before : end > before)
    #expect(try readAll(scratch.open()).count == (operation == .write ? 3 : 4))
  }

  // R9. Seen to fail with: an epoch that isn't shared between processes.
  @Test func anotherProcessDeposesTheWriter() async throws {
    let scratch = Scratch()
    let writer = try scratch.open().openWriter()
    try append(0..<2, to: writer)
    try loseLock(scratch, .moved)
    let path = scratch.path
    await #expect(processExitsWith: .success) { [path = path as String] in
      let other = try FileLog.open(path, Scratch.partition).openWriter()
      try append(2..<3, to: other)
      try other.close()
    }
    _ = failure(.fenced) { try append(100..<101, to: writer) }
    #expect(try readAll(scratch.open()).map(\.sample) == (0..<3).map(Sample.init))
  }

  // R9. Seen to fail with: a recovery that doesn't hold the lock of the epoch's file.
  @Test func nobodyTakesTheLogOverWhileAnotherRecoversIt() throws {
    let scratch = Scratch()
    let first = try scratch.open().openWriter()
    try append(0..<3, to: first)
    try first.close()
    let kinds = Mutex([StoreError.Kind?]())
    let disk = Disk(syncs: false) { operation, path in
      guard [.rename, .syncDirectory].contains(operation), kinds.withLock({ $0.count < 50 }) else { return }
      try? FileManager.default.removeItem(atPath: scratch.file("writer.lock"))
      do {
        _ = try scratch.open().openWriter()
        kinds.withLock { $0.append(nil) }
      } catch {
        kinds.withLock { $0.append((error as? StoreError)?.kind) }
      }
    }
    let writer = try scratch.open(.init(), disk.storage).openWriter()
    // Except for the first, which opened before the raise and was deposed at once.
    #expect(kinds.withLock { $0.count } > 3)
    #expect(kinds.withLock { $0.dropFirst().allSatisfy { $0 == .locked } })
    _ = try? append(3..<4, to: writer)
    #expect(try scratch.open().openWriter().endOffset >= first.endOffset)
  }

  // R9. Seen to fail with: `rewriteTail` checking the lock and then renaming.
  @Test func nobodyTakesTheLogOverWhileATailIsRenamed() throws {
    let scratch = Scratch()
    let kind = Mutex(StoreError.Kind?.none)
    let disk = Disk { operation, path in
      guard operation == .rename, path.hasSuffix(".rewrite.tmp") else { return }
      try? FileManager.default.removeItem(atPath: scratch.file("writer.lock"))
      do { _ = try scratch.open().openWriter() } catch { kind.withLock { $0 = (error as? StoreError)?.kind } }
    }
    let writer = try scratch.open(.init(), disk.storage).openWriter()
    try append(0..<3, to: writer)
    disk.plan(.init(.sync, pathSuffix: ".log"))
    try writer.sync()
    #expect(kind.withLock { $0 } == .locked)
    #expect(try scratch.open().openWriter().endOffset == writer.endOffset)
    _ = failure(.fenced) { try append(3..<4, to: writer) }
  }

  @Test(arguments: ["missing", "empty", "short", "magic", "version", "word", "longer"])
  func aDamagedFileIsDerivedAgain(damage: String) throws {
    let scratch = Scratch()
    for _ in 0..<3 {
      let writer = try scratch.open().openWriter()
      try append(0..<1, to: writer)
      try writer.close()
    }
    let file = scratch.file("writer-epoch")
    var bytes = try scratch.bytes(file)
    #expect(bytes.count == 16)
    #expect(bytes[12...] == [3, 0, 0, 0])
    switch damage {
    case "missing": try scratch.remove(file)
    case "empty": bytes = []
    case "short": bytes.removeLast(5)
    case "magic": bytes[0] ^= 1
    case "version": bytes[7] ^= 1
    case "word": bytes[13] ^= 1
    default: bytes += [1, 2, 3]
    }
    if damage != "missing" { try scratch.write(bytes, to: file) }
    let writer = try scratch.open().openWriter()
    #expect(writer.epoch == 3)
    try append(0..<1, to: writer)
    try writer.close()
    #expect(try scratch.bytes(file)[12...].prefix(4) == [4, 0, 0, 0])
    #expect(try readAll(scratch.open()).count == 4)
  }

  /// A power loss may revert the epoch, or keep one whose writer appears in no other file.
  @Test func anEpochThatIsAheadIsLeftOut() throws {
    let scratch = Scratch()
    try scratch.open().openWriter().close()
    let copy = try scratch.copy()
    for _ in 0..<5 { try scratch.open().openWriter().close() }
    try copy.write(try scratch.bytes(scratch.file("writer-epoch")), to: copy.file("writer-epoch"))
    let writer = try copy.open().openWriter()
    #expect(writer.epoch == 6)
    try append(0..<1, to: writer)
    try writer.close()
    try copy.remove(copy.file("writer-epoch"))
    #expect(try copy.open().openWriter().epoch == 7)
  }

  /// Many threads take a log over from each other; every acknowledged commit survives.
  ///
  /// Seen to fail with: checking the epoch before the append.
  @Test func takeoversUnderLoadLoseNothing() throws {
    let scratch = Scratch()
    let quick = Disk(syncs: false).storage
    let results = Mutex((finished: 0, acknowledged: Set<Receipt>(), failures: [String]()))
    for thread in 0..<3 {
      Thread.detachNewThread {
        for round in 0..<40 {
          do {
            try? FileManager.default.removeItem(atPath: scratch.file("writer.lock"))
            let writer = try scratch.open(.init(), quick).openWriter()
            for number in 0..<200 {
              let appended = try writer.append(Sample(thread * 10_000 + round * 200 + number).commit())
              results.withLock { _ = $0.acknowledged.insert(appended.receipt) }
            }
          } catch let error as StoreError where [.fenced, .locked].contains(error.kind) {
          } catch { results.withLock { $0.failures.append("\(error)") } }
        }
        results.withLock { $0.finished += 1 }
        results.wake()
      }
    }
    results.wait(until: { $0.finished == 3 }) { #expect($0.failures == []) }
    let receipts = Set(try readAll(scratch.open()).map(\.receipt))
    let lost = results.withLock { $0.acknowledged.subtracting(receipts).count }
    #expect(lost == 0, "of \(receipts.count)")
    #expect(receipts.count > 200)
  }
}
