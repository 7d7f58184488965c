import Foundation
import RocksDB
import Testing

@Suite struct IndexedWriteBatchTests {
  let directory = TemporaryDirectory()

  @Test func `reads see the batch first, then the database`() throws {
    let database = try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
    let family = try database.family("default")
    let other = try database.createColumnFamily("other")
    try database.put("a", "1", in: family)
    try database.put("b", "1", in: family)
    let snapshot = database.makeSnapshot()
    try database.put("d", "1", in: family)
    var batch = IndexedWriteBatch()
    #expect(batch.lookUp("a", in: family) == .absent)
    batch.put("b", "2", in: family)
    batch.put("b", "3", in: family)
    batch.delete("a", in: family)
    batch.put("c", "", in: family)
    #expect(batch.lookUp("a", in: family) == .deleted)
    #expect(batch.lookUp("b", in: family) == .value("3"))
    #expect(batch.lookUp("c", in: family) == .value(""))
    #expect(batch.lookUp("bb", in: family) == .absent)
    #expect(batch.lookUp("b", in: other) == .absent)
    #expect(try batch.get("a", in: family, database: database) == nil)
    #expect(try batch.get("b", in: family, database: database) == "3")
    #expect(try batch.get("d", in: family, database: database) == "1")
    #expect(
      try batch.withValue("d".bytes, in: family, database: database, at: snapshot, text) == nil)
    #expect(try database.get("b", in: family) == "1")
    #expect(batch.count == 4 && batch.byteCount > 12)
    try database.write(batch, log: .off)
    #expect(try database.rows(in: family) == ["b=3", "c=", "d=1"])
    batch.clear()
    #expect(batch.count == 0 && batch.lookUp("b", in: family) == .absent)
  }

  @Test func `an iterator over the database shows the batch applied, in both directions`() throws {
    let database = try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
    let family = try database.family("default")
    for key in ["a", "b", "c", "d", "e"] { try database.put(key, "1", in: family) }
    try database.flush()
    var batch = IndexedWriteBatch()
    for key in ["a", "c", "e", "z"] { batch.delete(key, in: family) }
    batch.put("b", "2", in: family)
    batch.put("bb", "2", in: family)
    batch.put("f", "2", in: family)
    let expected = ["b=2", "bb=2", "d=1", "f=2"]
    #expect(try batch.makeIterator(in: family, over: database.makeIterator(in: family)).forwards() == expected)
    #expect(
      try batch.makeIterator(in: family, over: database.makeIterator(in: family)).backwards()
        == expected.reversed())
    do {
      var iterator = batch.makeIterator(in: family, over: database.makeIterator(in: family))
      iterator.seek(to: "c".bytes)
      #expect(iterator.row == "d=1")
      iterator.previous()
      #expect(iterator.row == "bb=2")
      iterator.next()
      #expect(iterator.row == "d=1")
      iterator.seekForPrev(to: "e".bytes)
      #expect(iterator.row == "d=1")
    }
    batch.put("c", "3", in: family)
    #expect(
      try batch.makeIterator(in: family, over: database.makeIterator(in: family)).forwards()
        == ["b=2", "bb=2", "c=3", "d=1", "f=2"])
  }

  @Test func `rolling back to a savepoint restores values and deletions`() throws {
    let database = try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
    let family = try database.family("default")
    try database.put("base", "1", in: family)
    var batch = IndexedWriteBatch()
    batch.put("a", "1", in: family)
    batch.delete("b", in: family)
    batch.setSavepoint()
    batch.put("a", "2", in: family)
    batch.put("b", "2", in: family)
    batch.delete("base", in: family)
    batch.setSavepoint()
    batch.put("a", "3", in: family)
    batch.rollBackToSavepoint()
    #expect(batch.netEntries(in: family) == ["a=2", "b=2", "base-"])
    batch.rollBackToSavepoint()
    #expect(batch.netEntries(in: family) == ["a=1", "b-"])
    #expect(try batch.get("base", in: family, database: database) == "1")
    #expect(try batch.get("a", in: family, database: database) == "1")
    batch.setSavepoint()
    batch.put("a", "4", in: family)
    batch.popSavepoint()
    #expect(batch.lookUp("a", in: family) == .value("4"))
  }

  @Test func `net entries are one per key, in key order, of one family`() throws {
    let database = try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
    let family = try database.family("default")
    let other = try database.createColumnFamily("other")
    var batch = IndexedWriteBatch()
    for round in 0..<10 {
      for key in ["c", "a", "b"] { batch.put(key, "\(round)", in: family) }
    }
    batch.delete("b", in: family)
    batch.put("d", "1", in: family)
    batch.delete("d", in: family)
    batch.delete("e", in: family)
    batch.put("e", "5", in: family)
    batch.put("x", "1", in: other)
    #expect(batch.netEntries(in: family) == ["a=9", "b-", "c=9", "d-", "e=5"])
    #expect(batch.netEntries(in: other) == ["x=1"])
  }

  @Test func `the walk over net entries stops at an error`() throws {
    struct Stop: Error {}
    let database = try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
    let family = try database.family("default")
    var batch = IndexedWriteBatch()
    for key in ["a", "b", "c"] { batch.put(key, "1", in: family) }
    var seen: [String] = []
    #expect(throws: Stop.self) {
      try batch.forEachNetEntry(in: family) { (key, _) throws(Stop) in
        seen.append(text(key))
        if seen.count == 2 { throw Stop() }
      }
    }
    #expect(seen == ["a", "b"])
    batch.put("d", "1", in: family)
  }

  @Test func `a change under an open iterator stops the program`() async throws {
    let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let directory = TemporaryDirectory()
      let database = try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
      let family = try database.family("default")
      var batch = IndexedWriteBatch()
      batch.put("a", "1", in: family)
      var iterator = batch.makeIterator(in: family, over: database.makeIterator(in: family))
      iterator.seekToFirst()
      // Nobody removes it once the program has stopped.
      try FileManager.default.removeItem(atPath: directory.path)
      batch.put("b", "1", in: family)
      iterator.next()
    }
    let message = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(message.contains("an indexed batch can't change while an iterator reads it"))
  }
}
