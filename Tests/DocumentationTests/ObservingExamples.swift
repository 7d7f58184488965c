import Logging
import Metrics
import Tidemark

/// What a program does first of all: it says where log messages and metrics go.
func startObserving(_ metrics: some MetricsFactory) {
  LoggingSystem.bootstrap { label in
    var handler = StreamLogHandler.standardError(label: label)
    handler.logLevel = .notice
    return handler
  }
  MetricsSystem.bootstrap(metrics)
}

/// Opens a store whose messages and metrics go elsewhere than those of the rest of the program.
func openObserved(
  _ directory: String, _ changelog: some Changelog, logger: Logger, metrics: any MetricsFactory
) throws(StoreError) -> StateStore {
  var options = StoreOptions()
  options.logger = logger
  options.metrics = metrics
  options.metricsInterval = .seconds(1)
  return try StateStore.open(directory, tables: [spent, orders], changelog: changelog, options: options)
}
