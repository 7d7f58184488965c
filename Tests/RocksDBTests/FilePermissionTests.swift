import Foundation
import TestSupport
import Testing

@Suite struct FilePermissionTests {
  let directory = TemporaryDirectory()

  /// Seen to fail if files are closed to others after RocksDB has made them: 15 of 16 changed afterwards.
  @Test func `every file and directory is closed to others from the moment that it is made`() throws {
    let path = directory.child("private")
    let outcome = try runDatabaseProcess("open-umask", path)
    #expect(outcome.status == 0, "\(outcome.output)")
    let names = try #require(FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String })
    #expect(names.count > 10)
    for name in names {
      let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
      let isDirectory = attributes[.type] as? FileAttributeType == .typeDirectory
      #expect(attributes[.posixPermissions] as? Int == (isDirectory ? 0o700 : 0o600), "\(name)")
    }
  }
}
