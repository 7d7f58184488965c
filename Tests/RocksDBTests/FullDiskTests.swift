import Foundation
import RocksDB
import SmallDisk
import Testing

@Suite struct FullDiskTests {
  @Test(.enabled(if: SmallDisk.isPossible, "no file system can be mounted here"))
  func `a full disk is an error that names its cause, and work goes on once there is room`() throws {
    let directory = TemporaryDirectory()
    let disk = try SmallDisk(directory.path + "/disk", mebibytes: 4)
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
      try disk.fill(leaving: 1 << 20)
      for number in 0..<40 { try database.put("key\(number)", String(repeating: "v", count: 50_000), in: family) }
      try database.put("offset", "2", in: family)
      let error = try #require(failure { try database.flush() })
      #expect(error.code == .ioError && error.subcode == .noSpace)
      #expect(reported.value.first?.subcode == .noSpace)
      // RocksDB doesn't resume on its own when there is room again.
      try disk.makeRoom()
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
