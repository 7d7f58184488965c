import Foundation
import RocksDB
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A small file system in memory; nil where mounting isn't permitted.
private final class SmallDisk {
  let path: String
  private let directory = TemporaryDirectory()

  init?(bytes: Int) {
    path = directory.path
    guard unsafe mount("tmpfs", path, "tmpfs", 0, "size=\(bytes)") == 0 else { return nil }
  }

  deinit { unsafe umount2(path, 2) }

  static let isPermitted = SmallDisk(bytes: 1 << 20) != nil
}

@Suite struct FullDiskTests {
  @Test(.enabled(if: SmallDisk.isPermitted, "mounting a tmpfs isn't permitted here"))
  func `a full disk is an error that names its cause, and work goes on once there is room`() throws {
    let disk = try #require(SmallDisk(bytes: 4 << 20))
    let reported = Locked([RocksDBError]())
    var options = DatabaseOptions()
    options.onBackgroundError = { error in reported.change { $0.append(error) } }
    options.columnFamilyOverrides = ["compression": "kNoCompression"]
    let path = disk.path + "/db"
    do {
      let database = try Database.open(path, options: options, columnFamilies: [])
      let family = try database.family("default")
      try database.put("offset", "1", in: family)
      try database.flush()
      let ballast = Data(count: 3 << 20)
      #expect(FileManager.default.createFile(atPath: disk.path + "/ballast", contents: ballast))
      for number in 0..<40 { try database.put("key\(number)", String(repeating: "v", count: 50_000), in: family) }
      try database.put("offset", "2", in: family)
      let error = try #require(failure { try database.flush() })
      #expect(error.code == .ioError && error.subcode == .noSpace)
      #expect(reported.value.first?.subcode == .noSpace)
      // RocksDB doesn't resume on its own when there is room again.
      try FileManager.default.removeItem(atPath: disk.path + "/ballast")
      #expect(failure { try database.put("offset", "3", in: family) }?.subcode == .noSpace)
    }
    let database = try Database.open(path, options: options, columnFamilies: [])
    let family = try database.family("default")
    #expect(try database.rows(in: family) == ["offset=1"])
    try database.put("offset", "2", in: family)
    try database.flush()
    #expect(try database.get("offset", in: family, tier: .persisted) == "2")
  }
}
