"""Records of single exchanges behind one interface: where they are kept is the matter of one driver.

Owns: every reading and writing of records. Who asks says what with Asked and never knows whether rows or files answer.
"""

from apim.usage.records.asked import Asked, FirstCalls, Minute, Place, RecordLog
from apim.usage.records.log import record_log

__all__ = ["Asked", "FirstCalls", "Minute", "Place", "RecordLog", "record_log"]
