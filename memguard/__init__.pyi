from memguard.health import HealthMetrics as HealthMetrics
from memguard.health import HealthMonitor as HealthMonitor
from memguard.library.complete_state import CapturedProcess as CapturedProcess
from memguard.library.complete_state import CompleteState as CompleteState
from memguard.library.complete_state import ConversationState as ConversationState
from memguard.library.complete_state import ProjectState as ProjectState
from memguard.library.complete_state import RestartState as RestartState
from memguard.library.graceful_degradation import GracefulDegradation as GracefulDegradation
from memguard.library.guardian_config import MemoryGuardianConfig as MemoryGuardianConfig
from memguard.library.guardian_config import MemoryThresholds as MemoryThresholds
from memguard.library.guardian_config import MonitoringConfig as MonitoringConfig
from memguard.library.guardian_config import PlatformOverrides as PlatformOverrides
from memguard.library.guardian_config import RestartPolicy as RestartPolicy
from memguard.library.memory_aware_runner import MemoryAwareRunner as MemoryAwareRunner
from memguard.library.memory_guardian import MemoryGuardian as MemoryGuardian
from memguard.library.memory_info import MemoryInfo as MemoryInfo
from memguard.library.modes import DegradationMode as DegradationMode
from memguard.library.modes import MemoryState as MemoryState
from memguard.library.modes import ProcessState as ProcessState
from memguard.library.restart_notice import RestartNotice as RestartNotice
from memguard.library.restart_notice import restart_notice as restart_notice
from memguard.library.restart_protection import RestartProtection as RestartProtection
from memguard.library.state_manager import StateManager as StateManager

__version__: str

_HOMES: dict[str, str]
