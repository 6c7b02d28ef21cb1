"""The real servers of the lab: nginx, dnsmasq, mosquitto.

One module each makes the configuration (pure); `run.lab` starts them and waits until they answer.
"""
