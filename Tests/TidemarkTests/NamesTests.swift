import Foundation
import Testing
import Tidemark

/// Each public name, as written in a file that imports Tidemark and Foundation: compiles if none is ambiguous.
private enum Names {
  enum Sign: String { case plus }

  typealias Name0 = AppendedCommit
  typealias Name1 = BoolCodec
  typealias Name2 = ByteWriter
  typealias Name3 = ByteReader
  typealias Name4 = BytesCodec
  typealias Name5 = any Changelog
  typealias Name6 = ChangelogIdentity
  typealias Name7 = ChangelogOffsets
  typealias Name8 = ChangelogPoint
  typealias Name9 = any ChangelogWriter
  typealias Name10 = Checkpoint
  typealias Name11 = any Codec
  typealias Name12 = CodecTypes
  typealias Name13 = Commit
  typealias Name14 = CompactCodec<Int>
  typealias Name15 = Cursor<StringCodec, StringCodec>
  typealias Name16 = DateCodec
  typealias Name17 = DoubleCodec
  typealias Name18 = Durability
  typealias Name19 = FileLog
  typealias Name20 = FileLogOptions
  typealias Name21 = IntegerCodec<Int64>
  typealias Name22 = IsolationLevel
  typealias Name23 = JSONCodec<Int>
  typealias Name24 = any KeyBounds
  typealias Name25 = any KeyCodec
  typealias Name26 = ListCodec<StringCodec>
  typealias Name27 = LogRecovery
  typealias Name28 = LoggedCommit
  typealias Name29 = MappedCodec<StringCodec, Int>
  typealias Name30 = MemoryBudget
  typealias Name31 = Offset
  typealias Name32 = OpenProgress
  typealias Name33 = OptionalCodec<StringCodec>
  typealias Name34 = PairCodec<StringCodec, StringCodec>
  typealias Name35 = Position
  typealias Name36 = RawValueCodec<Sign, StringCodec>
  typealias Name37 = ReadContinuation
  typealias Name38 = ReadOnlyStore
  typealias Name39 = Reader
  typealias Name40 = Receipt
  typealias Name41 = RecordBatch
  typealias Name42 = RecordBatchHeader
  typealias Name43 = RecordBuffer
  typealias Name44 = RecordSpan
  typealias Name45 = ScanContinuation
  typealias Name46 = ScanOrder
  typealias Name47 = ScanRange<StringCodec>
  typealias Name48 = Snapshot
  typealias Name49 = StateStore
  typealias Name50 = StoreError
  typealias Name51 = StoreExecutor
  typealias Name52 = StoreInfo
  typealias Name53 = StoreOptions
  typealias Name54 = StoredOffset
  typealias Name55 = StringCodec
  typealias Name56 = Table<StringCodec, StringCodec>
  typealias Name57 = any TableDefinition
  typealias Name58 = TableID
  typealias Name59 = Timestamp
  typealias Name60 = TopicPartition
  typealias Name61 = Transaction
  typealias Name62 = TransactionLimits
  typealias Name63 = TripleCodec<StringCodec, StringCodec, StringCodec>
  typealias Name64 = TupleCodec<StringCodec, StringCodec>
  typealias Name65 = UUIDCodec
  typealias Name66 = VerifyReport
  typealias Name67 = VoidCodec
  typealias Name68 = TableDescriptor
  typealias Name69 = ChangelogRecovery
  typealias Name70 = CommitSummary
  typealias Name71 = ChangelogCapabilities
  typealias Name72 = LogSegment
  typealias Name73 = OutputRecord
  typealias Name74 = GroupOffsets
  typealias Name75 = CopyProgress
  typealias Name76 = CommitMetadata
  typealias Name77 = any ReadableView & ~Copyable
  typealias Name78 = TaggedFields
  typealias Name79 = TableKind
  typealias Name80 = FormatVersion
}

/// No name that `import Tidemark` brings collides with one of Foundation's.
@Suite struct NamesTests {
  @Test func eachPublicNameIsTriedBesideFoundation() throws {
    let here = URL(fileURLWithPath: #filePath)
    let tried = try String(contentsOf: here, encoding: .utf8)
    let sources = here.appending(path: "../../../Sources").standardizedFileURL
    var count = 0
    for module in ["Tidemark", "Changelog", "TidemarkBase"] {
      let files = try #require(FileManager.default.enumerator(atPath: sources.appending(path: module).path))
      for case let name as String in files where name.hasSuffix(".swift") {
        let text = try String(contentsOf: sources.appending(path: module + "/" + name), encoding: .utf8)
        let declarations = text.matches(
          of: /\npublic (?:final class|struct|enum|protocol|actor|typealias|func|let|var) ([A-Za-z]+)/)
        for declaration in declarations {
          count += 1
          let name = declaration.output.1
          #expect(
            tried.contains(" = \(name)") || tried.contains(" = any \(name)"), "\(name) isn't tried beside Foundation")
        }
      }
    }
    #expect(count > 50)
  }
}
