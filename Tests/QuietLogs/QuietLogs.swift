internal import Logging

/// Sends the log messages of this process nowhere, unless a logger says otherwise: stores that are opened by the thousand
/// would fill the tests' output.
///
/// Runs once per process, however many tests ask for it.
package let quietLogs: Void = LoggingSystem.bootstrap { _ in SwiftLogNoOpLogHandler() }
